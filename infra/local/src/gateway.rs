//! What API Gateway is to the deployed functions: HTTP/1.1 in front of the
//! routers, with the true address of the peer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections beyond this wait in the listen queue.
const MAX_CONNECTIONS: usize = 1024;
/// How long a peer may take to send a request's head, or to stay idle.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long open requests may take to end once we are told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready, then lets the open requests end. `peer` puts
/// the caller's address where the routers look for it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    peer: fn(&mut Request, IpAddr),
    stop: impl Future<Output = ()>,
) {
    let permit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            // Never closed; if it were, a connection without a seat is still one.
            let permit = Arc::clone(&permit).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = open.watch(connection(stream, address.ip(), router.clone(), peer));
        tokio::spawn(async move {
            // A connection that breaks is the peer's affair.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    // What has not ended by then is dropped with us.
    let _ = tokio::time::timeout(STOP_LIMIT, open.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    address: IpAddr,
    router: Router,
    peer: fn(&mut Request, IpAddr),
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    // Answers are small; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            peer(&mut request, address);
            let answer: Result<Response, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
}
