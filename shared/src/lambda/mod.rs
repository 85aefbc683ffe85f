//! A function of Lambda: a router that API Gateway's HTTP API calls, or events of its own.
//!
//! | file | what it is |
//! |---|---|
//! | [`event`] | an event (payload format 2.0) as a request |
//! | [`answer`] | a response as the gateway takes it |
//! | [`gateway`] | routes behind the gateway's events |
//! | [`direct`] | tasks of a function: direct invocations, which no gateway makes |
//! | [`typed`] | events of its own: typed events in, typed answers out |

mod answer;
pub mod direct;
mod event;
mod gateway;
mod typed;

use axum::Router;
use lambda_runtime::Error;

use crate::clock::Clock;
use crate::cloud::CloudHandle;
use crate::config::{EnvReader, Environment};
use crate::core::{Core, StartError};
use crate::secrets::SecretName;
use crate::telemetry::{self, ErrorChain};
pub use answer::Answer;
pub use direct::{DirectTasks, TaskFuture};
pub use gateway::service;
pub use typed::{
    invocation_id, run_events, run_events_loaded_each, run_events_without_core, serve_events,
};

/// Runs a function until its sandbox ends: loads the secrets that it declares, reads its
/// state, and serves its routes.
pub async fn run<S: Clone + Send + Sync + 'static>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    run_with_tasks(cloud, secrets, read, routes, DirectTasks::none()).await
}

/// The same for a function that other functions invoke directly, too.
pub async fn run_with_tasks<S: Clone + Send + Sync + 'static>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
    tasks: DirectTasks<S>,
) -> Result<(), Error> {
    let (core, state) = start(cloud, secrets, |env| with_core(read, env)).await?;
    lambda_runtime::run_concurrent(direct::service(routes, core, state, tasks)).await
}

/// What every function does once, before its first event. What is wrong is in the log, too.
async fn start<T>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&mut EnvReader) -> Option<T>,
) -> Result<T, StartError> {
    telemetry::init(std::io::stdout);
    load(cloud, secrets, read).await
}

/// Loads the secrets, and reads what is made of them and of the variables.
async fn load<T>(
    cloud: CloudHandle,
    secrets: &[SecretName],
    read: impl FnOnce(&mut EnvReader) -> Option<T>,
) -> Result<T, StartError> {
    let reading = async {
        let environment = Environment::load(cloud, secrets).await?;
        let mut env = environment.reader();
        let value = read(&mut env);
        Ok(env.finish(value)?)
    };
    let loaded: Result<T, StartError> = reading.await;
    if let Err(error) = &loaded {
        tracing::error!(error = %ErrorChain(error), "failed to start");
    }
    loaded
}

/// The core, and the state over it.
fn with_core<S>(
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    env: &mut EnvReader,
) -> Option<(Core, S)> {
    let core = Core::read(env, Clock::System)?;
    let state = read(&core, env)?;
    Some((core, state))
}
