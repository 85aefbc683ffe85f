//! A router as a Lambda function: API Gateway's HTTP API events (payload 2.0) in,
//! responses out.

use axum::Router;
use axum::response::Response;
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Error, Request, RequestExt as _};
use std::convert::Infallible;
use std::future::Future;
use tower::{Service, ServiceExt as _, service_fn};

use crate::app::App;
use crate::config::Config;
use crate::http::ClientConnection;
use crate::{http, telemetry};

/// Runs a function until the sandbox ends.
pub async fn run(group: Router<App>) -> Result<(), Error> {
    telemetry::init(std::io::stdout);
    serve(group, Config::from_env()?).await
}

/// Runs the function that takes phone numbers and sends codes.
pub async fn run_sending(group: Router<App>) -> Result<(), Error> {
    telemetry::init(std::io::stdout);
    // The patterns of phone numbers compile beside the wait for the first event.
    std::thread::spawn(PhoneNumber::warm);
    serve(group, Config::from_env()?.with_sender()?).await
}

async fn serve(group: Router<App>, config: Config) -> Result<(), Error> {
    lambda_http::run(service(http::serve(group, App::new(config)?))).await
}

/// The router behind the gateway's events: tells it who called, from the gateway's own
/// request context.
pub fn service(
    router: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Future + Send> + Clone {
    service_fn(move |mut request: Request| {
        if let Some(peer) = peer(&request) {
            request.extensions_mut().insert(peer);
        }
        router.clone().oneshot(request)
    })
}

/// The same one step further out, for tests that hand in whole events.
pub fn adapter<'a, S>(service: S) -> Adapter<'a, Response, S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'a,
{
    Adapter::from(service)
}

fn peer(request: &Request) -> Option<ClientConnection> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let address = context.http.source_ip.as_deref()?.parse().ok()?;
    let arrived = (context.time_epoch > 0).then(|| Timestamp::from_millis(context.time_epoch));
    Some(ClientConnection { address, arrived })
}
