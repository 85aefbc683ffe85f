//! The connections that ask, each one request after the other.

use axum::body::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

use crate::figures::{Sample, micros};
use crate::server::Server;
use tests::stores::server_cpu;

/// What a step of an errand asks.
pub struct Ask {
    method: Method,
    path: String,
    bearer: Option<String>,
    body: Option<Value>,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), bearer: None, body: None }
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), bearer: None, body: Some(body) }
    }

    pub fn bearer(mut self, access: &str) -> Self {
        self.bearer = Some(format!("Bearer {access}"));
        self
    }

    fn request(self) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::HOST, "127.0.0.1")
            .header(header::USER_AGENT, "bench");
        if let Some(bearer) = self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = self.body.map(|body| body.to_string()).unwrap_or_default();
        request.body(Full::from(body)).expect("a request")
    }
}

/// What somebody wants: the next request, made from the answer to the last (`null` at
/// first), or nothing more.
pub type Errand = Box<dyn FnMut(&Value) -> Option<Ask> + Send>;

/// An errand of one request.
pub fn once(ask: Ask) -> Errand {
    let mut ask = Some(ask);
    Box::new(move |_| ask.take())
}

/// The last answer to an errand, and how long all of it took.
type Done = (Value, Duration);

pub struct Load {
    links: Vec<Option<SendRequest<Full<Bytes>>>>,
}

impl Load {
    pub async fn connect(port: u16, connections: usize) -> Self {
        let mut links = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("a server");
            stream.set_nodelay(true).expect("a socket");
            let (link, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
            tokio::spawn(connection);
            links.push(Some(link));
        }
        Self { links }
    }

    /// Runs the errands, spread over all connections. Gives the last answers in order.
    pub async fn run(&mut self, errands: Vec<Errand>) -> (Vec<Value>, Vec<Duration>) {
        let count = errands.len();
        let mut shares: Vec<Vec<(usize, Errand)>> = Vec::new();
        shares.resize_with(self.links.len(), Vec::new);
        for (n, errand) in errands.into_iter().enumerate() {
            shares[n % self.links.len()].push((n, errand));
        }
        let mut running = Vec::new();
        for (link, share) in self.links.iter_mut().zip(shares) {
            let mut link = link.take().expect("a link is put back");
            running.push(tokio::spawn(async move {
                let mut done: Vec<(usize, Done)> = Vec::with_capacity(share.len());
                for (n, errand) in share {
                    done.push((n, go(&mut link, errand).await));
                }
                (link, done)
            }));
        }
        let mut answers = vec![Value::Null; count];
        let mut latencies = Vec::with_capacity(count);
        for (place, task) in self.links.iter_mut().zip(running) {
            let (link, done) = task.await.expect("a connection's errands end");
            *place = Some(link);
            for (n, (answer, took)) in done {
                answers[n] = answer;
                latencies.push(took);
            }
        }
        (answers, latencies)
    }

    /// The same, with what it cost the server.
    pub async fn measure(&mut self, server: &Server, errands: Vec<Errand>) -> (Vec<Value>, Sample) {
        let count = errands.len();
        drop(server.take_durations());
        let (before, stores_before) = (server.usage().cpu, server_cpu());
        let (answers, latencies) = self.run(errands).await;
        let stores = server_cpu();
        let latencies = server.take_durations().unwrap_or(latencies);
        let cpu = micros(server.usage().cpu.saturating_sub(before), count);
        let of = |after: Duration, before| micros(after.saturating_sub(before), count);
        let postgres = of(stores.postgres, stores_before.postgres);
        let connections = of(stores.connections, stores_before.connections);
        let redis = of(stores.redis, stores_before.redis);
        (answers, Sample { cpu, postgres, redis, connections, latencies })
    }
}

async fn go(link: &mut SendRequest<Full<Bytes>>, mut errand: Errand) -> Done {
    let mut answer = Value::Null;
    let mut took = Duration::ZERO;
    while let Some(ask) = errand(&answer) {
        let request = ask.request();
        let place = request.uri().path().to_owned();
        let asked = Instant::now();
        link.ready().await.expect("the connection is kept alive");
        let (status, body) = exchange(link, request).await;
        took += asked.elapsed();
        assert!(status.is_success(), "{place}: {status} {}", String::from_utf8_lossy(&body));
        answer = serde_json::from_slice(&body).unwrap_or_default();
    }
    (answer, took)
}

async fn exchange(
    link: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> (StatusCode, Bytes) {
    let response = link.send_request(request).await.expect("an answer");
    let status = response.status();
    (status, response.into_body().collect().await.expect("a body").to_bytes())
}
