//! A router as a Lambda function: API Gateway's HTTP API events (payload 2.0) in,
//! responses out.

use axum::Router;
use axum::response::Response;
use domain::time::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Error, Request, RequestExt as _};
use std::convert::Infallible;
use std::future::Future;
use tower::{Service, ServiceExt as _, service_fn};

use crate::clock::Clock;
use crate::config::{EnvReader, Environment};
use crate::core::{Core, StartError};
use crate::http::{self, ClientConnection};
use crate::secrets::SecretName;
use crate::telemetry;

/// Runs a function until its sandbox ends: loads the secrets that it declares, reads its
/// state, and serves its routes.
pub async fn run<S: Clone + Send + Sync + 'static>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    telemetry::init(std::io::stdout);
    let environment = Environment::load(secrets).await.map_err(StartError::from)?;
    let mut env = environment.reader();
    let core = Core::read(&mut env, Clock::System);
    let state = match &core {
        Some(core) => read(core, &mut env),
        None => None,
    };
    let (core, state) = env.finish(core.zip(state)).map_err(StartError::from)?;
    lambda_http::run(service(http::serve(routes.with_state(state), core))).await
}

/// The router behind the gateway's events. The gateway's own request context says who called.
pub fn service(
    router: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Future + Send> + Clone {
    service_fn(move |mut request: Request| {
        if let Some(connection) = client_connection(&request) {
            request.extensions_mut().insert(connection);
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

fn client_connection(request: &Request) -> Option<ClientConnection> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let address = context.http.source_ip.as_deref()?.parse().ok()?;
    let arrived = (context.time_epoch > 0).then(|| Timestamp::from_millis(context.time_epoch));
    Some(ClientConnection { address, arrived })
}
