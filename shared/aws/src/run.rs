//! Runs a function in AWS.

use axum::Router;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::config::EnvReader;
use shared::core::Core;
use shared::secrets::SecretName;
use std::sync::Arc;

use crate::{Aws, client};

/// [`shared::lambda::run`] in AWS.
pub async fn run<S: Clone + Send + Sync + 'static>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    routes: Router<S>,
) -> Result<(), Error> {
    let aws = Arc::new(Aws::new(client::load().await));
    shared::lambda::run_in(Some(aws), secrets, read, routes).await
}

/// [`shared::lambda::run_invocations`] in AWS.
pub async fn run_invocations<S, E, A, F>(
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
    let aws = Arc::new(Aws::new(client::load().await));
    shared::lambda::run_invocations(Some(aws), secrets, read, handle).await
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
    A: Serialize,
    F: Future<Output = Result<A, Error>> + Send,
{
    let aws = Arc::new(Aws::new(client::load().await));
    shared::lambda::run_events(Some(aws), secrets, read, handle).await
}
