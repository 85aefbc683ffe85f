//! `cargo local import`: takes the accounts of the first auth-service over from its database.
//!
//! | file | what it is |
//! |---|---|
//! | [`source`] | reads that database, some hundred accounts at once |
//! | [`plan`] | one account: which of its rows are taken over, in which form, and why others are not |
//!
//! Each account is taken over whole, by one statement. One that is here already stays as it is: an import
//! that ended half-way is run again.

pub mod plan;
pub mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use domain::ids::UserId;
use secrecy::SecretString;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::clock::{Clock, Rng};
use shared::config::{Environment, Lookup, PostgresConfig};
use shared::core::StartError;
use shared::crypto::DataKeys;
use shared::secrets::SecretName;
use shared::store::Store;
use shared::store::import::Import;

use crate::commands::{migration_target, print, ready};
use crate::error::Error;
use crate::{instance, service};
use plan::{LeftOut, plan};
use source::Source;

/// What an import did.
#[derive(Debug, Default)]
pub struct Imported {
    pub accounts: u64,
    pub devices: i64,
    /// Accounts that were here already.
    pub known: u64,
    /// Rows that were not taken over, or not as they are.
    pub left_out: Vec<LeftOut>,
}

/// Takes all accounts over, and prints what was left out and why.
pub async fn import(port: u16, from: &str, schema: &str) -> Result<(), Error> {
    let (url, ca) = migration_target(port)?;
    let address = SecretString::from(url).into();
    let config = PostgresConfig { address, ca: ca.clone(), pool: 1, prepares: true };
    let store = Store::new(&config, Clock::System, Rng, Arc::default())
        .map_err(|error| Error::Database(error.error))?;
    let source = Source::connect(from, schema, ca.as_deref()).await?;
    let imported = import_all(&source, &store, &data_keys(port).await?, &Clock::System).await?;
    print(&report(&imported))
}

/// `DATA_KEYS` of the environment, else of the instance.
async fn data_keys(port: u16) -> Result<DataKeys, Error> {
    let lookup: Lookup = if service::variable("DATA_KEYS").is_some() {
        Arc::new(service::variable)
    } else {
        let folder = ready(port)?.folder;
        let variables = instance::read_environment(&folder)?.ok_or(Error::NotReady { port })?;
        Arc::new(move |name: &str| variables.get(name).cloned())
    };
    let environment = Environment::from_lookup(lookup, &[SecretName::DataKeys]).await;
    let environment = environment.map_err(StartError::Secret)?;
    let mut env = environment.reader();
    let keys = DataKeys::read(&mut env);
    Ok(env.finish(keys).map_err(StartError::Config)?)
}

/// Takes all accounts over that are not here yet.
pub async fn import_all(
    source: &Source,
    store: &Store,
    keys: &DataKeys,
    clock: &Clock,
) -> Result<Imported, Error> {
    let (mut imported, mut after) = (Imported::default(), uuid::Uuid::nil());
    loop {
        let batch = source.accounts_after(after).await?;
        let Some(last) = batch.last() else { return Ok(imported) };
        after = last.id;
        for rows in &batch {
            let (now, left_out) = (clock.now(), &mut imported.left_out);
            let Some(planned) = plan(rows, &keys.load(), now, left_out) else { continue };
            let user = UserId::from_uuid(rows.id);
            let at = planned.created_at;
            let audit = AuditEntry::new(SecurityEvent::UserRegistered, None, "", at, Rng);
            match store
                .import_account(user, &planned.document, now, &audit)
                .await
                .map_err(Error::Import)?
            {
                Import::Known => imported.known += 1,
                Import::NumberTaken => {
                    left_out.push(LeftOut::new(
                        "users_auth",
                        rows.id.to_string(),
                        "another account has its number",
                    ));
                }
                Import::Imported { devices, identities } => {
                    imported.accounts += 1;
                    imported.devices += devices;
                    if identities < planned.identities {
                        let why = "another account has an identity key of it";
                        left_out.push(LeftOut::new("identity_keys", rows.id.to_string(), why));
                    }
                }
            }
        }
    }
}

fn report(imported: &Imported) -> String {
    let Imported { accounts, devices, known, left_out } = imported;
    let mut text = String::new();
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for LeftOut { table, id, why } in left_out {
        let _ = writeln!(text, "{table} {id}: {why}");
        *counts.entry((table, why)).or_default() += 1;
    }
    for ((table, why), count) in counts {
        let _ = writeln!(text, "{count} in {table}: {why}");
    }
    let _ = writeln!(
        text,
        "imported {accounts} accounts with {devices} devices; {known} were here already"
    );
    text
}
