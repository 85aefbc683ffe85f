//! `cargo local restore`: what to run after the database was restored from a backup (ADR 43).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use domain::time::Timestamp;
use shared::clock::Clock;
use shared::config::{Environment, Lookup};
use shared::core::{Core, StartError};
use shared::crypto::IdentityIndex;
use shared::restore::trail::Trail;
use shared::restore::{Restored, restore as restore_database};
use shared::secrets::SecretName;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::commands::{Outcome, ready};
use crate::error::Error;
use crate::{instance, service};

/// Makes the database safe that went back to a backup, and prints what was done. False if a part of the
/// trail does not fit.
pub async fn restore(port: u16, backup_at: &str, trail: Option<&Path>) -> Result<bool, Error> {
    restore_in(variables(port)?, backup_at, trail).await?.print()
}

/// The same for the stores of these variables. Good if every part of the trail fits.
pub async fn restore_in(
    variables: Lookup,
    backup_at: &str,
    trail: Option<&Path>,
) -> Result<Outcome, Error> {
    let backup_at = OffsetDateTime::parse(backup_at, &Rfc3339).map_err(|_| Error::BackupTime)?;
    let backup_at = Timestamp::from(std::time::SystemTime::from(backup_at));
    let trail = trail.map(read_trail).transpose()?;
    let (core, index) = connect(variables, trail.is_some()).await?;
    let with_trail = trail.as_ref().zip(index.as_ref());
    let restored = restore_database(&core, backup_at, with_trail).await?;
    let text = report(&restored, trail.is_some());
    Ok(Outcome { is_good: restored.replayed.faults.is_empty(), text })
}

fn read_trail(file: &Path) -> Result<Trail, Error> {
    let failed = |source| Error::File { file: file.to_owned(), source };
    Ok(Trail::read(&fs::read_to_string(file).map_err(failed)?)?)
}

/// Those of the environment, else those of the instance.
fn variables(port: u16) -> Result<Lookup, Error> {
    if service::variable("DATABASE_URL").is_some() || service::variable("DB_HOST").is_some() {
        return Ok(Arc::new(service::variable));
    }
    let folder = ready(port)?.folder;
    let variables = instance::read_environment(&folder)?.ok_or(Error::NotReady { port })?;
    Ok(Arc::new(move |name: &str| variables.get(name).cloned()))
}

async fn connect(
    variables: Lookup,
    with_trail: bool,
) -> Result<(Core, Option<IdentityIndex>), Error> {
    // The key of the digests of identity keys.
    let secrets = [Core::SECRETS, &[SecretName::PhoneIndexKey]].concat();
    let environment =
        Environment::from_lookup(variables, &secrets).await.map_err(StartError::Secret)?;
    let mut env = environment.reader();
    let core = Core::read(&mut env, Clock::System);
    let index = if with_trail { IdentityIndex::read(&mut env).map(Some) } else { Some(None) };
    let parts = env.finish(core.zip(index)).map_err(StartError::Config)?;
    Ok(parts)
}

fn report(restored: &Restored, with_trail: bool) -> String {
    let Restored { accounts, devices, pages, verifications, replayed, .. } = restored;
    let mut text = match verifications {
        Some(count) => format!("discarded {count} running verifications\n"),
        None => {
            "a cluster: wait 20 minutes before you open the API, until running verifications have \
                 ended\n"
                .to_owned()
        }
    };
    let _ =
        writeln!(text, "moved {accounts} accounts: versions of device lists, codes that were used");
    let _ = writeln!(text, "discarded {pages} pages of one-time keys, told {devices} devices");
    if with_trail {
        let _ = writeln!(
            text,
            "took {} entries of the trail in: ended {} sessions, removed {} devices, released {} numbers, \
             deleted {} accounts",
            replayed.entries,
            replayed.ended_sessions,
            replayed.removed_devices,
            replayed.released_accounts,
            replayed.deleted_accounts,
        );
    } else {
        text.push_str("no trail: sessions that ended after the backup live again\n");
    }
    for (user, loss) in &replayed.losses {
        let _ = writeln!(text, "{user}: {loss}");
    }
    for (user, fault) in &replayed.faults {
        let _ = writeln!(text, "{user}: the trail does not go on from the backup: {fault}");
    }
    text
}
