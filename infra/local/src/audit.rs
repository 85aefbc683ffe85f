//! `cargo local audit verify`: the chains of security events, and how they compare with a signed root.

use std::fmt::Write as _;
use std::sync::Arc;

use domain::ids::UserId;
use secrecy::SecretString;
use shared::audit::verify::{verify as verify_chains, verify_heads};
use shared::clock::{Clock, Rng};
use shared::config::PostgresConfig;
use shared::store::Store;
use uuid::Uuid;

use crate::commands::{Outcome, migration_target};
use crate::error::Error;
use crate::roots::{self, Root};

/// What to verify.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The chain of this user alone.
    pub user: Option<Uuid>,
    /// A root with which the chains are compared: a file, or `s3://…`.
    pub against: Option<&'a str>,
    /// The fingerprint of the key that must have signed it.
    pub key: Option<&'a str>,
}

/// Verifies the chains of security events, and prints what it finds; false if they do not hold.
pub async fn verify(port: u16, wanted: &Wanted<'_>) -> Result<bool, Error> {
    let (url, ca) = migration_target(port)?;
    verify_database(url, ca, wanted).await?.print()
}

/// Verifies the chains of this database. Good if none is broken or differs from the root. A root that proves
/// nothing is an error.
pub async fn verify_database(
    url: String,
    ca: Option<String>,
    wanted: &Wanted<'_>,
) -> Result<Outcome, Error> {
    let root = wanted.against.map(|place| roots::fetch(place, wanted.key)).transpose()?;
    let config =
        PostgresConfig { address: SecretString::from(url).into(), ca, pool: 1, prepares: true };
    let store = Store::new(&config, Clock::System, Rng, Arc::default())
        .map_err(|error| Error::Database(error.error))?;
    let verified = verify_chains(&store, wanted.user.map(UserId::from_uuid)).await?;
    let mut text = String::new();
    for (user, fault) in &verified.faults {
        let _ = writeln!(text, "{user}: {fault}");
    }
    let (users, entries, broken) = (verified.users, verified.entries, verified.faults.len());
    let _ = writeln!(text, "verified {entries} entries of {users} users, {broken} broken chains");
    let mut holds = verified.faults.is_empty();
    if let Some(root) = root {
        holds &= compare(&store, &root, &mut text).await?;
    }
    Ok(Outcome { is_good: holds, text })
}

/// Compares the chains with a root, and writes what differs; false if something does.
async fn compare(store: &Store, root: &Root, text: &mut String) -> Result<bool, Error> {
    let others = verify_heads(store, &root.heads).await?;
    for other in &others {
        let what = if other.is_missing { "is missing" } else { "is not the one of the root" };
        let _ = writeln!(text, "{}: entry {} {what}", other.user, other.seq);
    }
    let (heads, differing) = (root.heads.len(), others.len());
    let _ = writeln!(
        text,
        "compared {heads} heads with the root of {}, {differing} differ\n  signed by {}, whose public key \
         has the SHA-256 {}",
        root.hour, root.key, root.fingerprint,
    );
    Ok(others.is_empty())
}
