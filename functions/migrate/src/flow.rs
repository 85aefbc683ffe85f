//! Runs the migrations, and tells whoever asked.

use lambda_runtime::Error;
use migrations::{Database, Migration};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cloud_formation;
use crate::error::MigrateError;
use crate::state::MigrateState;
use crate::wire::{DirectEvent, MigrateAnswer, MigrateEvent, RequestType};

/// Answers one event. A custom resource that fails is told so, and the invocation succeeds: else
/// Lambda would repeat it after CloudFormation has given up.
pub async fn handle(state: MigrateState, event: MigrateEvent) -> Result<MigrateAnswer, Error> {
    match event {
        MigrateEvent::Direct(DirectEvent::Migrate) => Ok(migrate(&state).await?),
        MigrateEvent::Direct(DirectEvent::Status) => Ok(status(&state).await?),
        MigrateEvent::Resource(resource) => {
            let result = match resource.request_type {
                RequestType::Create | RequestType::Update => migrate(&state).await,
                RequestType::Delete => Ok(MigrateAnswer::default()),
            };
            if let Err(error) = &result {
                tracing::error!(%error, "failed to migrate");
            }
            cloud_formation::answer(&resource, result.as_ref(), state.is_local).await?;
            Ok(result.unwrap_or_default())
        }
    }
}

async fn migrate(state: &MigrateState) -> Result<MigrateAnswer, MigrateError> {
    let url = database_url(state).await?;
    let run = state.runner.run(database(state, &url));
    let applied = tokio::time::timeout(state.time_limit, run).await.map_err(|_| {
        let minutes = state.time_limit.as_secs() / 60;
        MigrateError(format!(
            "not finished after {minutes} minutes: run `cargo local migrate run` with DATABASE_URL"
        ))
    })??;
    Ok(MigrateAnswer { applied: names(&applied), pending: Vec::new() })
}

async fn status(state: &MigrateState) -> Result<MigrateAnswer, MigrateError> {
    let url = database_url(state).await?;
    let all = state.runner.status(database(state, &url)).await?;
    let (applied, pending): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|migration| migration.applied_on.is_some());
    Ok(MigrateAnswer { applied: names(&applied), pending: names(&pending) })
}

/// The newest login: it may have changed since the process began.
async fn database_url(state: &MigrateState) -> Result<SecretString, MigrateError> {
    let url = state.postgres.address.connection_url().await;
    url.map_err(|error| MigrateError(error.to_string()))
}

fn database<'a>(state: &'a MigrateState, url: &'a SecretString) -> Database<'a> {
    Database { url: url.expose_secret(), ca: state.postgres.ca.as_deref() }
}

fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(ToString::to_string).collect()
}
