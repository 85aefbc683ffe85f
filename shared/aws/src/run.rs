//! Runs a function in AWS.

use axum::Router;
use lambda_runtime::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::config::EnvReader;
use shared::core::Core;
use shared::lambda::DirectTasks;
use shared::secrets::SecretName;
use std::sync::Arc;

use crate::{Aws, client};

/// The AWS that this process runs in.
pub async fn load() -> Arc<Aws> {
    Arc::new(Aws::new(client::load().await))
}

/// [`shared::lambda::run`] in AWS.
pub async fn run<S: Clone + Send + Sync + 'static>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    let aws = load().await;
    shared::lambda::run_in(Some(aws), secrets, read, routes).await
}

/// [`run`] for a function that other functions invoke directly, too.
pub async fn run_with_tasks<S: Clone + Send + Sync + 'static>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
    tasks: DirectTasks<S>,
) -> Result<(), Error> {
    let aws = load().await;
    shared::lambda::run_with_tasks(Some(aws), secrets, read, routes, tasks).await
}

/// [`shared::lambda::run_events`] in AWS.
pub async fn run_events<S, E, A, F>(
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
    let aws = load().await;
    shared::lambda::run_events_in(Some(aws), secrets, read, handle).await
}

/// [`shared::lambda::run_events_without_core`] in AWS.
pub async fn run_events_without_core<S, E, A, F>(
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
    let aws = load().await;
    shared::lambda::run_events_without_core_in(Some(aws), secrets, read, handle).await
}
