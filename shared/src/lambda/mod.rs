//! A router as a Lambda function: events of API Gateway's HTTP API in, responses out.
//!
//! | file | what it is |
//! |---|---|
//! | [`event`] | an event (payload format 2.0) as a request |
//! | [`answer`] | a response as the gateway takes it |

mod answer;
mod event;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::convert::Infallible;
use std::future::Future;
use tower::{Service, ServiceExt as _, service_fn};

use crate::clock::Clock;
use crate::cloud::CloudHandle;
use crate::config::{EnvReader, Environment};
use crate::core::{Core, StartError};
use crate::http;
use crate::http::problem::{Code, Problem};
use crate::secrets::SecretName;
use crate::telemetry;
pub use answer::Answer;

/// Runs a function until its sandbox ends: loads the secrets that it declares, reads its
/// state, and serves its routes.
pub async fn run<S: Clone + Send + Sync + 'static>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    run_in(None, secrets, read, routes).await
}

/// The same in a cloud.
pub async fn run_in<S: Clone + Send + Sync + 'static>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    telemetry::init(std::io::stdout);
    let environment = Environment::load(cloud, secrets).await.map_err(StartError::from)?;
    let mut env = environment.reader();
    let core = Core::read(&mut env, Clock::System);
    let state = match &core {
        Some(core) => read(core, &mut env),
        None => None,
    };
    let (core, state) = env.finish(core.zip(state)).map_err(StartError::from)?;
    lambda_runtime::run(service(routes.with_state(state), core)).await
}

/// Runs a function whose events are of its own: typed events in, typed answers out. An error
/// fails the invocation, and the one who invoked decides whether it is repeated.
pub async fn run_events<S, E, A, F>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    handle: impl Fn(S, E) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Future<Output = Result<A, Error>> + Send,
{
    run_invocations(cloud, secrets, read, move |state, event| handle(state, event.payload)).await
}

/// The same for a function that asks which invocation it is.
pub async fn run_invocations<S, E, A, F>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    handle: impl Fn(S, LambdaEvent<E>) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Future<Output = Result<A, Error>> + Send,
{
    telemetry::init(std::io::stdout);
    let environment = Environment::load(cloud, secrets).await.map_err(StartError::from)?;
    let mut env = environment.reader();
    let core = Core::read(&mut env, Clock::System);
    let state = match &core {
        Some(core) => read(core, &mut env),
        None => None,
    };
    let state = env.finish(state).map_err(StartError::from)?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| handle(state.clone(), event)))
        .await
}

/// Routes behind the gateway's events. Every event is answered, whatever it holds: an
/// invocation that fails is a 500 of the gateway, without our headers.
pub fn service(
    routes: Router,
    core: Core,
) -> impl Service<LambdaEvent<Value>, Response = Answer, Error = Infallible, Future: Future + Send> + Clone
{
    let unsupported = Router::new().fallback(async || Problem::new(Code::Internal));
    let unsupported = http::serve(unsupported, core.clone());
    let router = http::serve(routes, core);
    service_fn(move |event: LambdaEvent<Value>| {
        let (router, unsupported) = (router.clone(), unsupported.clone());
        async move {
            let response = match event::request(event.payload) {
                Ok(request) => router.oneshot(request).await?,
                // The deployment is at fault, and nobody says whose request it is.
                Err(error) => {
                    tracing::error!(error = %error, "failed to read an event");
                    unsupported.oneshot(Request::new(Body::empty())).await?
                }
            };
            Ok(answer::answer(response).await)
        }
    })
}
