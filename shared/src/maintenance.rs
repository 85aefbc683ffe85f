//! Scheduled maintenance: deletes what nobody needs any more, in small batches, and stores
//! the fleet's key statistics as metrics. The function `maintenance` runs it once a day,
//! `cargo local` on a timer.
//!
//! Each batch is a transaction of its own. A run that is cut off has done what it has done, and
//! the next one goes on.

use domain::access::UNDO_PERIOD;
use domain::ids::UserId;
use domain::session::EARLIER_TOKEN_TTL;
use domain::time::Timestamp;
use secrecy::ExposeSecret as _;
use std::time::{Duration, Instant};

use crate::audit::{AuditEntry, SecurityEvent};
use crate::config::MaintenanceConfig;
use crate::core::Core;
use crate::crypto::DataKeys;
use crate::store::StoreError;
use crate::store::maintenance::{BATCH_ROWS, RenewedSecret};
use crate::telemetry::ErrorChain;

/// How long a session is kept after its last refresh token has expired. Until then the token
/// identifies a former owner of the number as `previousToken`, which needs the row.
const SESSION_RETENTION: Duration = EARLIER_TOKEN_TTL;
/// How long a delivered event is kept, to look into a delivery that went wrong.
const EVENT_RETENTION: Duration = Duration::from_hours(7 * 24);
/// How long a used verification is kept. The verification itself lives for 15 minutes in Redis,
/// and a Redis that is restored from a backup may be some days old.
const VERIFICATION_RETENTION: Duration = Duration::from_hours(7 * 24);
/// How long the ids of hourly events are kept: longer than Redis keeps the counts.
const HOURLY_RETENTION: Duration = Duration::from_hours(7 * 24);
/// How long a change by an operator is known by its id.
const OPERATOR_CALL_RETENTION: Duration = Duration::from_hours(30 * 24);
/// How long an account is kept that lost its number: its owner may come back with another one.
const RELEASED_RETENTION: Duration = Duration::from_hours(30 * 24);
/// Second factors that a run deletes.
const MAX_RESETS: i64 = 500;
/// Accounts that are deleted in turn, each in a transaction of its own.
const MAX_ACCOUNTS: usize = 500;
/// How many batches of one table follow each other: then the other tables have their turn.
const BATCHES_IN_TURN: usize = 50;
/// Devices whose keys one statement deletes, few enough that it takes milliseconds.
const DEVICE_BATCH: i64 = 500;

/// When a run begins nothing new.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Until {
    fn of(config: MaintenanceConfig) -> Self {
        Self(Instant::now() + config.time_limit)
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Rows that a run deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    pub sessions: i64,
    pub logins: i64,
    pub events: i64,
    pub verifications: i64,
    /// What was before changes that cannot be undone any more.
    pub changes: i64,
    /// Accounts that lost their number.
    pub accounts: i64,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub deleted: Deleted,
    /// Devices whose expired keys were deleted.
    pub devices: i64,
    /// Secrets that were encrypted anew.
    pub secrets: i64,
    /// Parts that failed. Their errors are in the log.
    pub failures: u32,
}

/// Runs everything. What fails is logged, and the next run repeats it.
pub async fn run(
    core: &Core,
    config: MaintenanceConfig,
    keys: &DataKeys,
    now: Timestamp,
) -> Report {
    let until = Until::of(config);
    let mut report = Report::default();
    match renew_secrets_until(core, keys, until).await {
        Ok(renewed) => report.secrets = renewed,
        Err(error) => report.failed(&error, "failed to encrypt secrets anew"),
    }
    if let Err(error) = apply_second_factor_resets(core, now).await {
        report.failed(&error, "failed to apply resets of second factors");
    }
    match clean_up_keys_until(core, now, until).await {
        Ok(devices) => report.devices = devices,
        Err(error) => report.failed(&error, "failed to clean up old keys"),
    }
    let mut has_seen_all_sessions = false;
    loop {
        let turn = delete_in_turn(core, config, now, until, &mut has_seen_all_sessions).await;
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) => {
                report.failed(&error, "failed to delete old rows");
                break;
            }
        };
        report.deleted.add(turn);
        if (has_seen_all_sessions && turn == Deleted::default()) || until.is_over() {
            break;
        }
    }
    let Deleted { sessions, logins, events, verifications, changes, accounts } = report.deleted;
    if report.deleted != Deleted::default() {
        tracing::info!(
            sessions,
            logins,
            events,
            verifications,
            changes,
            accounts,
            "deleted old rows"
        );
    }
    report
}

impl Report {
    fn failed(&mut self, error: &StoreError, what: &str) {
        self.failures += 1;
        tracing::warn!(error = %ErrorChain(error), "{what}");
    }
}

impl Deleted {
    fn add(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.logins += more.logins;
        self.events += more.events;
        self.verifications += more.verifications;
        self.changes += more.changes;
        self.accounts += more.accounts;
    }
}

/// Deletes old sessions and log-ins, delivered events and used verifications, some of each. Two
/// runs at once share the work.
pub async fn delete_old_rows(
    core: &Core,
    config: MaintenanceConfig,
    now: Timestamp,
) -> Result<Deleted, StoreError> {
    delete_in_turn(core, config, now, Until::of(config), &mut false).await
}

/// Sessions are found by walking through all of them, once in a run.
async fn delete_in_turn(
    core: &Core,
    config: MaintenanceConfig,
    now: Timestamp,
    until: Until,
    has_seen_all_sessions: &mut bool,
) -> Result<Deleted, StoreError> {
    let store = &core.store;
    let mut sessions = 0;
    for _ in 0..BATCHES_IN_TURN {
        if *has_seen_all_sessions || until.is_over() {
            break;
        }
        let batch = store.delete_old_sessions(now - SESSION_RETENTION).await?;
        sessions += batch.deleted;
        *has_seen_all_sessions = batch.is_last;
    }
    let history = now - config.login_history;
    in_batches(until, || store.delete_hourly_events(now - HOURLY_RETENTION)).await?;
    let called = now - OPERATOR_CALL_RETENTION;
    in_batches(until, || store.delete_operator_calls(called)).await?;
    Ok(Deleted {
        sessions,
        logins: in_batches(until, || store.delete_old_logins(history)).await?,
        events: in_batches(until, || store.delete_delivered_events(now - EVENT_RETENTION)).await?,
        verifications: in_batches(until, || {
            store.delete_used_verifications(now - VERIFICATION_RETENTION)
        })
        .await?,
        changes: in_batches(until, || store.delete_old_account_changes(now - UNDO_PERIOD)).await?,
        accounts: delete_released_accounts(core, now, until).await?,
    })
}

/// Deletes accounts that lost their number long ago. Gives how many.
async fn delete_released_accounts(
    core: &Core,
    now: Timestamp,
    until: Until,
) -> Result<i64, StoreError> {
    let mut count = 0;
    for _ in 0..MAX_ACCOUNTS {
        if until.is_over() {
            break;
        }
        let audit = AuditEntry::new(SecurityEvent::AccountDeleted, None, "", now, core.rng);
        let before = now - RELEASED_RETENTION;
        let Some((user, deleted)) = core.store.delete_released_account(before, now, &audit).await?
        else {
            break;
        };
        count += 1;
        core.write_tombstones(user, &deleted.ended).await;
        if let Err(error) = core.cache.delete_account_keys(user, &deleted.sessions).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to delete cache keys of an account");
        }
    }
    Ok(count)
}

/// Deletes second factors whose reset has taken effect. Gives how many.
pub async fn apply_second_factor_resets(core: &Core, now: Timestamp) -> Result<usize, StoreError> {
    let due = core.store.list_due_second_factor_resets(now, MAX_RESETS).await?;
    for user in &due {
        apply_second_factor_reset(core, *user, now).await?;
    }
    Ok(due.len())
}

/// Deletes the second factor of an account, if its reset has taken effect.
pub async fn apply_second_factor_reset(
    core: &Core,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let audit = AuditEntry::new(SecurityEvent::SecondFactorReset, None, "", now, core.rng);
    core.store.apply_second_factor_reset(user, now, &audit).await
}

/// Encrypts the secrets of second factors anew that are under an earlier data key. Gives how many.
/// A secret that this process cannot read stays as it is.
pub async fn renew_secrets(core: &Core, keys: &DataKeys) -> Result<i64, StoreError> {
    renew_secrets_until(core, keys, Until::of(MaintenanceConfig::default())).await
}

async fn renew_secrets_until(
    core: &Core,
    keys: &DataKeys,
    until: Until,
) -> Result<i64, StoreError> {
    let keys = keys.load();
    let mut renewed = 0;
    if !keys.has_previous() {
        return Ok(renewed);
    }
    while !until.is_over() {
        let batch = core.store.take_old_secrets(keys.current_id()).await?;
        let renew = |(user, before): (UserId, Vec<u8>)| {
            let plain = keys.decrypt(user, &before).ok()?;
            let renewed = keys.encrypt(user, plain.expose_secret(), core.rng).ok()?;
            Some(RenewedSecret { user, before, renewed })
        };
        let found = batch.secrets.len();
        let secrets: Vec<RenewedSecret> = batch.secrets.into_iter().filter_map(renew).collect();
        if secrets.len() < found {
            tracing::error!(count = found - secrets.len(), "failed to decrypt secrets");
        }
        if !secrets.is_empty() {
            renewed += core.store.renew_secrets(&secrets).await?;
        }
        if batch.is_last {
            break;
        }
    }
    Ok(renewed)
}

/// Repeats a deletion until it finds less than a whole batch, or it is another one's turn. Gives
/// what it deleted.
async fn in_batches<F>(until: Until, delete: impl Fn() -> F) -> Result<i64, StoreError>
where
    F: Future<Output = Result<i64, StoreError>>,
{
    let mut deleted = 0;
    for _ in 0..BATCHES_IN_TURN {
        if until.is_over() {
            break;
        }
        let batch = delete().await?;
        deleted += batch;
        if batch < BATCH_ROWS {
            break;
        }
    }
    Ok(deleted)
}

/// Deletes expired keys in batches, and stores the fleet's key statistics. Returns the number
/// of devices whose keys were deleted.
pub async fn clean_up_keys(core: &Core, now: Timestamp) -> Result<i64, StoreError> {
    clean_up_keys_until(core, now, Until::of(MaintenanceConfig::default())).await
}

async fn clean_up_keys_until(core: &Core, now: Timestamp, until: Until) -> Result<i64, StoreError> {
    let mut cleaned = 0;
    while !until.is_over() {
        let batch = core.store.clean_up_keys(now, DEVICE_BATCH).await?;
        cleaned += batch;
        if batch < DEVICE_BATCH {
            break;
        }
    }
    let stats = core.store.key_stats().await?;
    let gauges = [
        ("auth_prekeys_unused", stats.prekeys),
        ("auth_kyber_prekeys_unused", stats.kyber_prekeys),
        ("auth_key_devices", stats.devices),
        ("auth_key_devices_low", stats.devices_low),
        ("auth_key_devices_empty", stats.devices_empty),
        ("auth_key_cleanup_timestamp_seconds", now.seconds()),
    ];
    core.set_gauges(&gauges, now).await;
    Ok(cleaned)
}
