//! Takes entries of a user's trail in again that are newer than the backup, and does again what they
//! tell of: in one transaction, under the lock of the account. The head of the chain says what is in
//! already, so a repeat finds its own work.

use domain::ids::{CallId, DeviceId, SessionId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::chain::{ChainEntry, ChainFault};
use crate::audit::{AuditEntry, SecurityEvent};
use crate::clock::Rng;
use crate::crypto::IdentityIndex;
use crate::store::account::delete::delete;
use crate::store::connection::Store;
use crate::store::devices::remove::remove_device;
use crate::store::error::StoreError;
use crate::store::keys::delete::delete_own_keys;
use crate::store::keys::retired::proven_identities;
use crate::store::login::start_over::Release;
use crate::store::outbox::session_ended::session_ended;
use crate::store::sessions::end::session_ids;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_restored_account",
        "SELECT id, phone_number FROM auth.users_auth WHERE id = :user FOR UPDATE",
        [("user", Type::UUID)],
    )
});

row_struct! {
    struct AccountRow { id: Uuid, phone_number: Option<String> }
}

static READ_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "read_restored_account",
        "SELECT (SELECT seq FROM auth.audit_heads WHERE user_id = :user) AS seq,
                (SELECT head FROM auth.audit_heads WHERE user_id = :user) AS head,
                s.id AS session_id, s.device_id, s.created_at
           FROM (SELECT 1) AS once
           LEFT JOIN auth.sessions s ON s.user_id = :user AND s.revoked_at IS NULL
          ORDER BY s.id",
        [("user", Type::UUID)],
    )
});

row_struct! {
    struct StateRow {
        seq: Option<i64>,
        head: Option<Vec<u8>>,
        session_id: Option<Uuid>,
        device_id: Option<Uuid>,
        created_at: Option<SystemTime>,
    }
}

/// What is personal stays in the log that the entries come from.
static TAKE_ENTRIES: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "take_restored_entries",
        "WITH moved AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head) VALUES (:user, :seq, :head)
           ON CONFLICT (user_id) DO UPDATE SET seq = excluded.seq, head = excluded.head
            WHERE h.seq = :before
           RETURNING user_id),
         put AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT m.user_id, e.seq, e.hash, e.entry, NULL, e.created_at
             FROM moved m CROSS JOIN unnest(:seqs::int8[], :hashes::bytea[], :entries::text[],
                    :times::timestamptz[]) AS e (seq, hash, entry, created_at)
           ON CONFLICT (user_id, seq) DO NOTHING)
         SELECT EXISTS (SELECT FROM moved) AS is_moved",
        [
            ("user", Type::UUID),
            ("before", Type::INT8),
            ("seq", Type::INT8),
            ("head", Type::BYTEA),
            ("seqs", Type::INT8_ARRAY),
            ("hashes", Type::BYTEA_ARRAY),
            ("entries", Type::TEXT_ARRAY),
            ("times", Type::TIMESTAMPTZ_ARRAY),
        ],
    )
});

row_struct! {
    struct MovedRow { is_moved: bool }
}

/// What a session has shown of a second factor goes with it: it would count for the next one.
static CHANGE_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH changed AS (
           UPDATE auth.users_auth SET
             two_factor_enabled = two_factor_enabled AND NOT :second_factor,
             two_factor_secret = CASE WHEN :second_factor THEN NULL ELSE two_factor_secret END,
             two_factor_pending_secret =
               CASE WHEN :second_factor THEN NULL ELSE two_factor_pending_secret END,
             two_factor_pending_session =
               CASE WHEN :second_factor THEN NULL ELSE two_factor_pending_session END,
             two_factor_pending_at =
               CASE WHEN :second_factor THEN NULL ELSE two_factor_pending_at END,
             recovery_code_hash = CASE WHEN :lock THEN NULL ELSE recovery_code_hash END,
             updated_at = :now
           WHERE id = :user AND (:second_factor OR :lock)),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id = :user AND (:second_factor OR :codes)),
         no_reset AS ( -- a reset goes with the second factor that it was asked for
           DELETE FROM auth.second_factor_resets
            WHERE user_id = :user AND (:second_factor OR :reset)),
         kept AS ( -- else maintenance could delete the account before it has a number again
           UPDATE auth.released_accounts SET released_at = :now
            WHERE user_id = :user AND :restored),
         stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE user_id = :user AND :second_factor AND stepped_up_at IS NOT NULL
              AND id <> ALL (:sessions::uuid[])),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = :now, revoked_for = e.reason, ended_by = :call
             FROM unnest(:sessions::uuid[], :reasons::text[]) AS e (id, reason)
            WHERE s.id = e.id AND s.user_id = :user AND s.revoked_at IS NULL
           RETURNING s.id, s.user_id),
         {ended_event}
         SELECT array(SELECT id FROM ended) AS ended",
        ended_event = session_ended("ended"),
    );
    let types = [
        ("user", Type::UUID),
        ("call", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        ("second_factor", Type::BOOL),
        ("codes", Type::BOOL),
        ("lock", Type::BOOL),
        ("reset", Type::BOOL),
        ("restored", Type::BOOL),
        ("sessions", Type::UUID_ARRAY),
        ("reasons", Type::TEXT_ARRAY),
    ];
    Statement::new("replay_account_change", &sql, types)
});

row_struct! {
    struct EndedRow { ended: Vec<Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&LOCK_ACCOUNT, &READ_ACCOUNT, &TAKE_ENTRIES, &CHANGE_ACCOUNT];

/// A session that has not ended in the restored rows.
#[derive(Clone, Copy, Debug)]
pub struct LiveSession {
    pub id: SessionId,
    pub device: DeviceId,
    pub created_at: Timestamp,
}

/// What the entries of a user tell that happened to the account since the backup.
#[expect(clippy::struct_excessive_bools, reason = "each is a change of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Sessions that had ended, and for what (`auth.sessions.revoked_for`).
    pub ended: Vec<(SessionId, &'static str)>,
    pub removed_devices: Vec<DeviceId>,
    /// Devices whose keys were deleted; `None` stands for all.
    pub deleted_keys: Vec<Option<DeviceId>>,
    /// The restored second factor is not the last one.
    pub removes_second_factor: bool,
    pub deletes_backup_codes: bool,
    pub removes_lock: bool,
    /// A reset of the second factor that is pending in the restored rows was cancelled.
    pub cancels_reset: bool,
    /// The number got a new account.
    pub releases_number: bool,
    /// An operator gave the account, which had lost its number, another one. No entry tells which.
    pub is_restored: bool,
    pub deletes_account: bool,
}

/// Entries that are to be taken in, with what they tell.
#[derive(Clone, Debug, Default)]
pub struct Replaying {
    pub entries: Vec<(ChainEntry, Timestamp)>,
    pub change: AccountChange,
}

/// What became of the trail of a user.
#[derive(Clone, Debug, Default)]
pub struct ReplayedUser {
    pub has_account: bool,
    pub entries: usize,
    /// They need tombstones.
    pub ended: Vec<SessionId>,
    pub removed_devices: usize,
    pub is_released: bool,
    pub is_deleted: bool,
}

impl Store {
    /// Reads the state of a user, asks `plan` what is new, takes that in and does it again. `plan` is
    /// given the head of the chain and the sessions that live.
    pub async fn replay_trail(
        &self,
        user: UserId,
        plan: impl Fn(i64, Vec<u8>, &[LiveSession]) -> Result<Replaying, ChainFault>,
        index: &IdentityIndex,
        (now, rng): (Timestamp, Rng),
    ) -> Result<Result<ReplayedUser, ChainFault>, StoreError> {
        let (plan, call) = (&plan, CallId::new(rng.bytes()));
        self.transaction("replay_trail", async |transaction| {
            let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
            let account: Option<AccountRow> =
                transaction.fetch_optional(&LOCK_ACCOUNT, of_user).await?;
            let has_account = account.as_ref().is_some_and(|row| row.id == *user.as_uuid());
            let rows: Vec<StateRow> = transaction.fetch_all(&READ_ACCOUNT, of_user).await?;
            let (before, head) = rows
                .first()
                .and_then(|row| row.seq.zip(row.head.clone()))
                .unwrap_or_else(|| (0, vec![0; 32]));
            let planned = match plan(before, head, &live_sessions(&rows)) {
                Ok(planned) => planned,
                Err(fault) => return transaction.rollback(Err(fault)).await,
            };
            let mut replayed =
                ReplayedUser { has_account, entries: planned.entries.len(), ..Default::default() };
            if planned.entries.is_empty() {
                return transaction.rollback(Ok(replayed)).await;
            }
            if !take_entries(&transaction, user, before, &planned.entries).await? {
                // Another run was quicker, for a user without an account.
                let nothing = ReplayedUser { has_account, ..Default::default() };
                return transaction.rollback(Ok(nothing)).await;
            }
            if let Some(account) = account {
                let restored = RestoredAccount { user, phone: account.phone_number, call, index };
                change(&transaction, &restored, &planned.change, (now, rng), &mut replayed).await?;
                // What one step ended, the next one finds among those that need a tombstone.
                replayed.ended.sort_unstable();
                replayed.ended.dedup();
            }
            transaction.commit(Ok(replayed)).await
        })
        .await
    }
}

fn live_sessions(rows: &[StateRow]) -> Vec<LiveSession> {
    let session = |row: &StateRow| {
        Some(LiveSession {
            id: SessionId::from_uuid(row.session_id?),
            device: DeviceId::from_uuid(row.device_id?),
            created_at: row.created_at?.into(),
        })
    };
    rows.iter().filter_map(session).collect()
}

async fn take_entries(
    transaction: &Transaction<'_>,
    user: UserId,
    before: i64,
    entries: &[(ChainEntry, Timestamp)],
) -> Result<bool, StoreError> {
    let seqs: Vec<i64> = entries.iter().map(|(entry, _)| entry.seq).collect();
    let hashes: Vec<&[u8]> = entries.iter().map(|(entry, _)| &entry.hash[..]).collect();
    let texts: Vec<&str> = entries.iter().map(|(entry, _)| &*entry.entry).collect();
    let times: Vec<SystemTime> = entries.iter().map(|(_, at)| (*at).into()).collect();
    let (seq, head) = (seqs.last().copied(), hashes.last().copied());
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("before", &before),
        ("seq", &seq),
        ("head", &head),
        ("seqs", &seqs),
        ("hashes", &hashes),
        ("entries", &texts),
        ("times", &times),
    ];
    let row: MovedRow = transaction.fetch_one(&TAKE_ENTRIES, parameters).await?;
    Ok(row.is_moved)
}

/// A locked account, as it came back.
struct RestoredAccount<'r> {
    user: UserId,
    phone: Option<String>,
    call: CallId,
    index: &'r IdentityIndex,
}

async fn change(
    transaction: &Transaction<'_>,
    account: &RestoredAccount<'_>,
    change: &AccountChange,
    (now, rng): (Timestamp, Rng),
    replayed: &mut ReplayedUser,
) -> Result<(), StoreError> {
    let &RestoredAccount { user, call, index, .. } = account;
    let entry = |event, device| AuditEntry::about(event, None, device, "", now, rng);
    if change.deletes_account {
        let digests = proven_identities(transaction, user, index).await?;
        let audit = entry(SecurityEvent::AccountDeleted, None);
        let deleted = delete(transaction, user, &digests, now, &audit).await?;
        replayed.is_deleted = deleted.is_some();
        replayed.ended.extend(deleted.map(|deleted| deleted.ended).unwrap_or_default());
        return Ok(());
    }
    let at = SystemTime::from(now);
    let sessions: Vec<Uuid> = change.ended.iter().map(|(id, _)| *id.as_uuid()).collect();
    let reasons: Vec<&str> = change.ended.iter().map(|(_, reason)| *reason).collect();
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("call", call.as_uuid()),
        ("now", &at),
        ("second_factor", &change.removes_second_factor),
        ("codes", &change.deletes_backup_codes),
        ("lock", &change.removes_lock),
        ("reset", &change.cancels_reset),
        ("restored", &change.is_restored),
        ("sessions", &sessions),
        ("reasons", &reasons),
    ];
    let row: EndedRow = transaction.fetch_one(&CHANGE_ACCOUNT, parameters).await?;
    replayed.ended.extend(session_ids(row.ended));
    // Before the keys go, whose digests it keeps. Without a number it has happened already.
    if let Some(phone) = account.phone.as_deref().filter(|_| change.releases_number) {
        let release = Release {
            phone,
            call: call.as_uuid(),
            now,
            released: &entry(SecurityEvent::NumberReleased, None),
            keys_deleted: &entry(SecurityEvent::KeysDeleted, None),
        };
        replayed.ended.extend(release.apply(transaction, user, index).await?);
        replayed.is_released = true;
    }
    for device in &change.removed_devices {
        let audit = entry(SecurityEvent::DeviceRemoved, Some(*device));
        let removed = remove_device(transaction, user, *device, now, &audit).await?;
        replayed.removed_devices += usize::from(removed.is_some());
        replayed.ended.extend(removed.unwrap_or_default());
    }
    for device in &change.deleted_keys {
        let audit = entry(SecurityEvent::KeysDeleted, *device);
        delete_own_keys(transaction, user, *device, now, &audit).await?;
    }
    Ok(())
}
