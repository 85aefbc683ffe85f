//! The HTTP/1.1 server in front of the routers, in place of API Gateway. It limits connections
//! and gives the routers the client's address. Why hyper and not `axum::serve`:
//! docs/adr/0017-the-local-gateway-uses-hyper.md.

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
/// How long a client may take to send a request's head, or stay idle between requests.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open requests may take to finish after the stop signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait after a failed accept, for example if no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` completes, then waits for the open requests to finish.
/// `set_client_connection` stores the client's address in each request.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    set_client_connection: fn(&mut Request, IpAddr),
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            // The semaphore is never closed, so this always gives a permit.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
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
        let connection = connection(stream, address.ip(), router.clone(), set_client_connection);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            // A broken connection concerns only its client.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    // Requests that are still open after the timeout are dropped.
    let _ = tokio::time::timeout(STOP_TIMEOUT, open.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    address: IpAddr,
    router: Router,
    set_client_connection: fn(&mut Request, IpAddr),
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    // Answers are small. Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            set_client_connection(&mut request, address);
            let answer: Result<Response, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
}
