//! A function whose events are of its own: schedules, invocations by other functions, an
//! authorizer's requests. Each invocation leaves one log line, in Lambda an embedded metric.

use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error as ThisError;
use tower::{Service, service_fn};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::{load, start, with_core};
use crate::clock::{Clock, Rng};
use crate::cloud::CloudHandle;
use crate::config::{EnvReader, Stage, TelemetryConfig};
use crate::core::{Core, StartError};
use crate::secrets::{SecretName, Secrets};
use crate::telemetry::{ErrorChain, InvocationLog, Metrics};

tokio::task_local! {
    static INVOCATION_ID: String;
}

/// The id of the invocation whose event is being handled: CloudTrail knows it, too. Empty elsewhere.
#[must_use]
pub fn invocation_id() -> String {
    INVOCATION_ID.try_with(Clone::clone).unwrap_or_default()
}

/// An event that this function does not take. Its values stay out of the text.
#[derive(Debug, ThisError)]
#[error("the event is not one of this function: {kind} at {path}")]
struct UnexpectedEvent {
    path: String,
    kind: &'static str,
}

type Handled<A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send>>;

/// What an invocation is logged and counted with.
#[derive(Clone)]
struct Telemetry {
    config: TelemetryConfig,
    clock: Clock,
    /// Where counters travel from; none in a function without a cache.
    metrics: Option<Arc<Metrics>>,
    secrets: Arc<Secrets>,
}

impl Telemetry {
    /// Of a function without a cache.
    fn read(env: &mut EnvReader) -> Self {
        let stage = Stage::read(env);
        let config = TelemetryConfig::read(env, stage);
        let (clock, secrets) = (Clock::System, env.secrets());
        secrets.start_clock(&clock);
        Self { config, clock, metrics: None, secrets }
    }
}

/// Runs a function until its sandbox ends: loads the secrets that it declares, reads its
/// state, and hands it each event. An error fails the invocation, and the one who invoked
/// decides whether it is repeated.
pub async fn run_events<S, E, A, F>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    handle: impl Fn(S, E) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let (core, state) = start(cloud, secrets, |env| with_core(read, env)).await?;
    lambda_runtime::run_concurrent(serve_events(core, state, handle)).await
}

/// The same for a function that needs none of the core's stores.
pub async fn run_events_without_core<S, E, A, F>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&mut EnvReader) -> Option<S>,
    handle: impl Fn(S, E) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let read = |env: &mut EnvReader| Some((Telemetry::read(env), read(env)?));
    let (telemetry, state) = start(cloud, secrets, read).await?;
    lambda_runtime::run_concurrent(serve(telemetry, state, handle)).await
}

/// The same for a function whose caller must hear why it cannot start: secrets and state are loaded with
/// each event, and what fails then goes to the handler.
pub async fn run_events_loaded_each<S, E, A, F>(
    cloud: CloudHandle,
    secrets: &'static [SecretName],
    read: impl Fn(&mut EnvReader) -> Option<S> + Send + Sync + 'static,
    handle: impl Fn(Result<S, StartError>, E) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    S: Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let telemetry = start(cloud.clone(), &[], |env| Some(Telemetry::read(env))).await?;
    let parts = Arc::new((read, handle));
    let handle = move |cloud: CloudHandle, event: E| {
        let parts = parts.clone();
        async move {
            let (read, handle) = &*parts;
            let state = load(cloud, secrets, read).await;
            handle(state, event).await
        }
    };
    lambda_runtime::run_concurrent(serve(telemetry, cloud, handle)).await
}

/// A handler behind events. What it is given is an event that could be read.
pub fn serve_events<S, E, A, F>(
    core: Core,
    state: S,
    handle: impl Fn(S, E) -> F + Send + Sync + 'static,
) -> impl Service<LambdaEvent<Value>, Response = A, Error = Error, Future: Future + Send> + Clone
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let telemetry = Telemetry {
        config: core.config.telemetry.clone(),
        clock: core.clock.clone(),
        metrics: Some(core.metrics.clone()),
        secrets: core.secrets.clone(),
    };
    serve(telemetry, state, move |state, event| {
        let (core, work) = (core.clone(), handle(state, event));
        // Boxed: without it, the compiler's limit for nested futures is near.
        let work: Pin<Box<dyn Future<Output = F::Output> + Send>> =
            Box::pin(async move { core.after_commit.run(work).await });
        work
    })
}

fn serve<S, E, A, F>(
    telemetry: Telemetry,
    state: S,
    handle: impl Fn(S, E) -> F + Send + Sync + 'static,
) -> impl Service<LambdaEvent<Value>, Response = A, Error = Error, Future: Future + Send> + Clone
where
    S: Clone + Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Error>> + Send + 'static,
{
    let handle = Arc::new(handle);
    service_fn(move |LambdaEvent { payload, context }: LambdaEvent<Value>| {
        let (telemetry, state, handle) = (telemetry.clone(), state.clone(), handle.clone());
        let span = tracing::error_span!(
            "invocation",
            request_id = %context.request_id,
            operation = Empty,
            session_id = Empty,
        );
        async move {
            let (started, at) = (Instant::now(), telemetry.clock.now());
            let result = match read_event(payload) {
                Ok(event) => {
                    let id = context.request_id.clone();
                    // Without its type: those of long flows are too deep for the compiler.
                    let work: Handled<A> = Box::pin(INVOCATION_ID.scope(id, handle(state, event)));
                    telemetry.secrets.refresh_beside(telemetry.metrics.as_deref(), work).await
                }
                Err(error) => Err(error.into()),
            };
            if let Err(error) = &result {
                tracing::error!(error = %ErrorChain(error.as_ref()), "invocation failed");
            }
            let log = InvocationLog {
                request_id: &context.request_id,
                has_failed: result.is_err(),
                elapsed: started.elapsed(),
                at,
            };
            let counted = telemetry.metrics.as_ref().map(|metrics| metrics.take_embedded());
            log.write(&telemetry.config, &counted.unwrap_or_default(), Rng);
            if let Some(metrics) = &telemetry.metrics {
                metrics.invocation(telemetry.config.function.as_deref().unwrap_or("local"), &log);
            }
            result
        }
        .instrument(span)
    })
}

fn read_event<E: DeserializeOwned>(payload: Value) -> Result<E, UnexpectedEvent> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let kind = match error.inner().classify() {
            serde_json::error::Category::Data => "unexpected data",
            _ => "no JSON",
        };
        UnexpectedEvent { path: error.path().to_string(), kind }
    })
}
