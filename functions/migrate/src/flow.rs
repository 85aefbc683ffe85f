//! Runs the migrations, and tells whoever asked.

use lambda_runtime::Error;
use migrations::{Database, Migration};
use secrecy::{ExposeSecret as _, SecretString};
use shared::core::StartError;

use crate::cloud_formation;
use crate::error::MigrateError;
use crate::state::MigrateState;
use crate::wire::{DirectEvent, MigrateAnswer, MigrateEvent, RequestType};

/// Answers one event. A custom resource that fails is told so, and the invocation succeeds: else
/// Lambda would repeat it after CloudFormation has given up. So is one whose function cannot start, as
/// without its secret: CloudFormation would wait until its time is over, and say nothing.
pub async fn handle(
    state: Result<MigrateState, StartError>,
    event: MigrateEvent,
) -> Result<MigrateAnswer, Error> {
    // Answers go to AWS alone, but on a laptop.
    let is_local = state.as_ref().is_ok_and(|state| state.is_local);
    answer(state, event, is_local).await
}

/// The same, where `is_local` allows any address for the answer.
pub async fn answer(
    state: Result<MigrateState, StartError>,
    event: MigrateEvent,
    is_local: bool,
) -> Result<MigrateAnswer, Error> {
    match event {
        MigrateEvent::Direct(DirectEvent::Migrate) => Ok(migrate(&state?).await?),
        MigrateEvent::Direct(DirectEvent::Status) => Ok(status(&state?).await?),
        MigrateEvent::Resource(resource) => {
            let result = match (resource.request_type, state) {
                (RequestType::Delete, _) => Ok(MigrateAnswer::default()),
                (RequestType::Create | RequestType::Update, Ok(state)) => migrate(&state)
                    .await
                    .inspect_err(|error| tracing::error!(%error, "failed to migrate")),
                // Logged where it failed.
                (_, Err(error)) => Err(error.into()),
            };
            cloud_formation::answer(&resource, result.as_ref(), is_local).await?;
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

/// With the login as it was loaded for this event.
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
