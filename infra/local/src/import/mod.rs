//! `cargo local import`: takes the accounts of the first auth-service over from its database.
//!
//! | file | what it is |
//! |---|---|
//! | [`source`] | reads that database, some hundred accounts at once |
//! | [`plan`] | one account: which of its rows are taken over, in which form, and why others are not |
//!
//! Each account is taken over whole, by one statement. One that is here already stays as it is: an import
//! that ended half-way is run again. If its number or second factor changed in the first service since
//! then, it is taken over again, or named if it was used here.

pub mod plan;
pub mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use domain::ids::UserId;
use domain::time::Timestamp;
use secrecy::SecretString;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::clock::{Clock, Rng};
use shared::config::{Environment, Lookup, PostgresConfig};
use shared::core::StartError;
use shared::crypto::{DataKeySet, DataKeys};
use shared::secrets::SecretName;
use shared::store::Store;
use shared::store::import::{FirstServiceAccount, Import};

use crate::commands::{migration_target, print, ready};
use crate::error::Error;
use crate::{instance, service};
use plan::{LeftOut, Planned, plan};
use source::{AccountRows, Source};

const OTHER_KEYS: &str = "do not decrypt the second factor of an account that is here already";

/// What an import did.
#[derive(Debug, Default)]
pub struct Imported {
    pub accounts: u64,
    pub devices: i64,
    /// Accounts that an earlier import took over, and that changed in the first service since then.
    pub replaced: u64,
    /// Accounts that were here already, and stay as they are.
    pub known: u64,
    /// Rows that were not taken over, or not as they are.
    pub left_out: Vec<LeftOut>,
}

impl Imported {
    /// An account that an operator must look at.
    fn note_account(&mut self, user: UserId, why: &'static str) {
        self.left_out.push(LeftOut::new("users_auth", user.to_string(), why));
    }

    /// The account is here. Not all of its identity keys may be.
    fn note_identities(&mut self, user: UserId, planned: &Planned, identities: i64) {
        if identities < planned.identities {
            let why = "another account has an identity key of it";
            self.left_out.push(LeftOut::new("identity_keys", user.to_string(), why));
        }
    }
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

/// Takes all accounts over that are not here yet, and those again that changed since they came here.
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
            import_one(rows, store, &keys.load(), clock.now(), &mut imported).await?;
        }
    }
}

async fn import_one(
    rows: &AccountRows,
    store: &Store,
    keys: &DataKeySet,
    now: Timestamp,
    imported: &mut Imported,
) -> Result<(), Error> {
    let user = UserId::from_uuid(rows.id);
    let Some(planned) = plan(rows, keys, now, &mut imported.left_out) else {
        if store.find_second_factor(user, now).await.map_err(Error::Import)?.is_some() {
            imported.known += 1;
            imported.note_account(user, "it is here already, and stays as it is: look at it");
        }
        return Ok(());
    };
    let audit = AuditEntry::new(SecurityEvent::UserRegistered, None, "", planned.created_at, Rng);
    let account = FirstServiceAccount { user, document: &planned.document, audit: &audit, now };
    match store.import_account(account).await.map_err(Error::Import)? {
        Import::Imported { devices, identities } => {
            imported.accounts += 1;
            imported.devices += devices;
            imported.note_identities(user, &planned, identities);
        }
        Import::NumberTaken => imported.note_account(user, "another account has its number"),
        Import::TimedOut => imported.note_account(user, "it takes longer than a minute"),
        Import::Known | Import::Used => {
            import_again(account, &planned, store, keys, imported).await?;
        }
    }
    Ok(())
}

/// An account that is here already. If it stayed as it was, whoever has its former number by now could log
/// in to it, and a second factor that was enabled since then would protect nothing.
async fn import_again(
    account: FirstServiceAccount<'_>,
    planned: &Planned,
    store: &Store,
    keys: &DataKeySet,
    imported: &mut Imported,
) -> Result<(), Error> {
    let FirstServiceAccount { user, now, .. } = account;
    let here = store.find_second_factor(user, now).await.map_err(Error::Import)?;
    let is_same = here.map(|here| planned.is_same_as(&here, keys)).transpose();
    // With other keys, nothing that is taken over could be read here.
    let is_same = is_same.map_err(|_| Error::DataKeys(OTHER_KEYS))?;
    if is_same == Some(true) {
        imported.known += 1;
        return Ok(());
    }
    let why = match store.replace_unused_import(account).await.map_err(Error::Import)? {
        Import::Imported { identities, .. } => {
            imported.replaced += 1;
            imported.note_identities(user, planned, identities);
            return Ok(());
        }
        Import::NumberTaken => {
            "changed in the first service after it was imported, and another account here has its \
             new number: import once more, or look at both"
        }
        Import::TimedOut => {
            "changed in the first service after it was imported, and takes longer than a minute"
        }
        Import::Known | Import::Used => {
            "changed in the first service after it was imported, and was used here: look at its \
             number and second factor"
        }
    };
    imported.known += 1;
    imported.note_account(user, why);
    Ok(())
}

fn report(imported: &Imported) -> String {
    let Imported { accounts, devices, replaced, known, left_out } = imported;
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
        "imported {accounts} accounts with {devices} devices; {replaced} had changed and were imported \
         again; {known} were here already"
    );
    text
}
