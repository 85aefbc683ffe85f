//! The two transactions that begin a session: register and login. Either everything is
//! written (user, device, session, history, news) or nothing, and the session's unique
//! `verification_id` consumes the verification exactly once. COMMIT is sent only when all
//! before it was answered: what was given up or killed half-way never comes true later.

use domain::device::{DeviceType, MAX_SIGNAL_DEVICE_ID, SIGNAL_DEVICE_ID_REST};
use domain::ids::{DeviceId, EntryId, SessionId, UserId, VerificationId};
use domain::phone::PhoneNumber;
use domain::prekey::RegistrationId;
use domain::session::{Rotation, expires_at};
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::identities::{IDENTITY_IN_USE, NewKeys, publish};
use super::outbox::{audit, sessions_ended};
use super::{Param, Store, StoreError, with_timeout};
use crate::audit::AuditEntry;

/// What the client said of its device.
#[derive(Debug)]
pub struct DeviceDetails {
    pub fingerprint: String,
    pub name: Option<String>,
    pub kind: Option<DeviceType>,
    /// Type and name of a new device that did not say.
    pub derived: (DeviceType, &'static str),
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    pub fcm_token: Option<String>,
    pub apns_token: Option<String>,
}

/// A session about to begin, with every id it needs.
#[derive(Debug)]
pub struct NewLogin {
    pub phone: PhoneNumber,
    pub verification: VerificationId,
    /// Used where the account or the device is new.
    pub user: UserId,
    pub device: DeviceId,
    pub session: SessionId,
    pub history: EntryId,
    pub details: DeviceDetails,
    pub keys: Option<NewKeys>,
    pub address: String,
    pub now: Timestamp,
    pub audit: AuditEntry,
}

/// A session begun.
#[derive(Debug)]
pub struct LoginCompleted {
    pub user: UserId,
    pub device: DeviceId,
    /// Earlier sessions of the same device, ended by this one.
    pub ended: Vec<SessionId>,
}

#[derive(Debug)]
pub enum LoginOutcome {
    Completed(LoginCompleted),
    /// The number has an account already (register) or none (login).
    WrongAccount,
    /// Another request consumed the verification first.
    VerificationUsed,
    /// The account wants a second factor, which was not shown.
    SecondFactorRequired,
    /// The device needs a number to publish keys, and none is left.
    DeviceIdsExhausted,
    /// The identity key belongs to another user.
    IdentityKeyInUse,
    /// The Kyber key of last resort is a one-time key too, or has the id of one.
    LastResortClash,
}

const VERIFICATION_USED: &str = "sessions_verification_id_key";

const DEVICE_COLUMNS: &str = "id, user_id, device_fingerprint, device_name, device_type, model, \
     os_version, app_version, fcm_token, apns_token, is_verified, last_active, created_at, updated_at, \
     signal_device_id";
const SESSION_COLUMNS: &str = "id, user_id, device_id, verification_id, auth_time, issued_at, \
     rotated_at, expires_at, created_at";

static REGISTER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH account AS (
           INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at)
           VALUES ($1, $22, $17, $17, $17)
           ON CONFLICT (phone_number) DO NOTHING
           RETURNING id AS user_id),
         device AS (
           INSERT INTO auth.devices ({DEVICE_COLUMNS})
           SELECT $2, user_id, $3, coalesce($4, $20), coalesce($5, $21), $6, $7, $8, $9, $10,
                  true, $17, $17, $17, 1
             FROM account),
         started AS (
           INSERT INTO auth.sessions ({SESSION_COLUMNS})
           SELECT $11, user_id, $2, $12, $17, $17, $17, $13, $17 FROM account),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT $14, user_id, $2, $15, 'success', $17 FROM account),
         news AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.registered',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $22, 'timestamp', $16), $17
             FROM account),
         {audit}
         SELECT user_id, $2, '{{}}'::uuid[], false FROM account",
        audit = audit("account", 18, 19, 17),
    )
});

/// The account's row is locked first (`LOCK_ACCOUNT`), so that this statement's view is
/// fresh and two log-ins of one device follow each other. Then the old session, then the
/// device: in the order in which a refresh locks them.
static LOGIN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH account AS (SELECT $1 AS user_id),
         ended AS (
           UPDATE auth.sessions AS s SET revoked_at = $17, revoked_for = 'replaced'
             FROM auth.devices AS d
            WHERE d.user_id = $1 AND d.device_fingerprint = $3
              AND s.device_id = d.id AND s.revoked_at IS NULL
           RETURNING s.id, s.user_id),
         numbers AS (
           SELECT greatest(0,
                    (SELECT max(signal_device_id) FROM auth.devices WHERE user_id = $1),
                    (SELECT max(signal_device_id) FROM auth.released_signal_device_ids
                      WHERE user_id = $1)) AS highest),
         number AS ( -- the next, or else the one given up longest ago
           SELECT CASE WHEN highest < {MAX_SIGNAL_DEVICE_ID} THEN highest + 1 ELSE (
             SELECT r.signal_device_id FROM auth.released_signal_device_ids r
              WHERE r.user_id = $1 AND r.released_at <= $17 - interval '{reuse} days'
                AND (r.registration_id IS NULL OR r.registration_id <> $22)
                AND NOT EXISTS (SELECT FROM auth.devices o
                     WHERE o.user_id = $1 AND o.signal_device_id = r.signal_device_id)
              ORDER BY r.released_at LIMIT 1) END AS free
             FROM numbers),
         device AS (
           INSERT INTO auth.devices AS d ({DEVICE_COLUMNS})
           SELECT $2, $1, $3, coalesce($4, $20), coalesce($5, $21), $6, $7, $8, $9, $10,
                  NOT EXISTS (SELECT 1 FROM auth.devices o WHERE o.user_id = $1), $17, $17, $17,
                  (SELECT free FROM number)
            WHERE (SELECT count(*) FROM ended) >= 0 -- the old session ends before all else
           ON CONFLICT (user_id, device_fingerprint) DO UPDATE SET
             device_name = coalesce($4, d.device_name), device_type = coalesce($5, d.device_type),
             model = coalesce(excluded.model, d.model),
             os_version = coalesce(excluded.os_version, d.os_version),
             app_version = coalesce(excluded.app_version, d.app_version),
             fcm_token = coalesce(excluded.fcm_token, d.fcm_token),
             apns_token = coalesce(excluded.apns_token, d.apns_token),
             is_active = true, last_active = $17, updated_at = $17,
             signal_device_id = coalesce(d.signal_device_id, excluded.signal_device_id)
           RETURNING id, user_id, id = $2 AS is_new, signal_device_id),
         started AS (
           INSERT INTO auth.sessions ({SESSION_COLUMNS})
           SELECT $11, user_id, id, $12, $17, $17, $17, $13, $17 FROM device),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT $14, user_id, id, $15, 'success', $17 FROM device),
         news AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'device.added',
                  jsonb_build_object('userId', user_id, 'deviceId', id, 'timestamp', $16), $17
             FROM device WHERE is_new),
         {ended_news},
         {audit}
         SELECT user_id, id, array(SELECT id FROM ended), signal_device_id IS NULL FROM device",
        reuse = SIGNAL_DEVICE_ID_REST.as_secs() / (24 * 3600),
        ended_news = sessions_ended("ended", 17),
        audit = audit("account", 18, 19, 17),
    )
});

const LOCK_ACCOUNT: &str = "UPDATE auth.users_auth SET last_authenticated_at = $2
      WHERE phone_number = $1 RETURNING id, two_factor_enabled";

/// Values that parameters refer to and the login does not hold as such.
struct Derived {
    kind: Option<&'static str>,
    kind_if_new: &'static str,
    now: SystemTime,
    expires: SystemTime,
    timestamp: i64,
}

impl NewLogin {
    fn derived(&self) -> Derived {
        let first = Rotation::first(self.now);
        Derived {
            kind: self.details.kind.map(DeviceType::as_str),
            kind_if_new: self.details.derived.0.as_str(),
            now: self.now.into(),
            expires: expires_at(first.issued_at, self.now).into(),
            timestamp: self.now.millis(),
        }
    }

    /// The parameters that both statements share, $1 to $21.
    fn params<'a>(&'a self, user: &'a UserId, derived: &'a Derived) -> Vec<Param<'a>> {
        let d = &self.details;
        vec![
            (user.as_uuid(), Type::UUID),
            (self.device.as_uuid(), Type::UUID),
            (&d.fingerprint, Type::TEXT),
            (&d.name, Type::TEXT),
            (&derived.kind, Type::TEXT),
            (&d.model, Type::TEXT),
            (&d.os_version, Type::TEXT),
            (&d.app_version, Type::TEXT),
            (&d.fcm_token, Type::TEXT),
            (&d.apns_token, Type::TEXT),
            (self.session.as_uuid(), Type::UUID),
            (self.verification.as_uuid(), Type::UUID),
            (&derived.expires, Type::TIMESTAMPTZ),
            (self.history.as_uuid(), Type::UUID),
            (&self.address, Type::TEXT),
            (&derived.timestamp, Type::INT8),
            (&derived.now, Type::TIMESTAMPTZ),
            (&self.audit.entry, Type::TEXT),
            (&self.audit.personal, Type::JSONB),
            (&d.derived.1, Type::TEXT),
            (&derived.kind_if_new, Type::TEXT),
        ]
    }
}

impl Store {
    /// Makes an account with its first device and session: one statement, and two more for
    /// keys, one commit.
    pub async fn register(&self, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
        self.round_trips.fetch_add(2, Ordering::Relaxed);
        map_constraint(with_timeout(async {
            let connection = self.connection().await?;
            let outcome = register(connection.client()?, login).await?;
            connection.finish();
            Ok(outcome)
        }))
        .await
    }

    /// Begins a session of an existing account: two statements, and two more for keys, one
    /// commit.
    pub async fn log_in(&self, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
        self.round_trips.fetch_add(3, Ordering::Relaxed);
        map_constraint(with_timeout(async {
            let connection = self.connection().await?;
            let outcome = log_in(connection.client()?, login).await?;
            connection.finish();
            Ok(outcome)
        }))
        .await
    }
}

/// A unique constraint says that the verification was used, or whose the identity key is;
/// the connection of the broken transaction has closed.
async fn map_constraint(
    transaction: impl Future<Output = Result<LoginOutcome, StoreError>>,
) -> Result<LoginOutcome, StoreError> {
    let outcome = transaction.await;
    match outcome.as_ref().err().and_then(StoreError::unique_violation) {
        Some(VERIFICATION_USED) => Ok(LoginOutcome::VerificationUsed),
        Some(IDENTITY_IN_USE) => Ok(LoginOutcome::IdentityKeyInUse),
        _ => outcome,
    }
}

async fn register(client: &Object, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
    let derived = login.derived();
    let phone = login.phone.as_e164();
    let mut params = login.params(&login.user, &derived);
    params.push((&phone, Type::TEXT));
    // All are on their way before the first is answered.
    let (begin, rows, published) = tokio::join!(
        client.batch_execute("BEGIN"),
        client.query_typed(&REGISTER, &params),
        published(client, login, login.user),
    );
    begin?;
    if let Some(row) = rows?.first() {
        let completed = completed(row)?;
        if !published? {
            client.batch_execute("ROLLBACK").await?;
            return Ok(LoginOutcome::LastResortClash);
        }
        client.batch_execute("COMMIT").await?;
        return Ok(LoginOutcome::Completed(completed));
    }
    // Nothing was written. Which refusal it is changes nothing any more, so it may be asked
    // afterwards: a request repeated after success is told apart from a number that someone
    // else registered.
    let verification = [(login.verification.as_uuid() as &(dyn ToSql + Sync), Type::UUID)];
    let used = "SELECT 1 FROM auth.sessions WHERE verification_id = $1";
    let (used, rolled_back) =
        tokio::join!(client.query_typed(used, &verification), client.batch_execute("ROLLBACK"));
    rolled_back?;
    Ok(if used?.is_empty() { LoginOutcome::WrongAccount } else { LoginOutcome::VerificationUsed })
}

async fn log_in(client: &Object, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
    let derived = login.derived();
    let phone = login.phone.as_e164();
    let lock = [(&phone as &(dyn ToSql + Sync), Type::TEXT), (&derived.now, Type::TIMESTAMPTZ)];
    let (begin, account) =
        tokio::join!(client.batch_execute("BEGIN"), client.query_typed(LOCK_ACCOUNT, &lock));
    begin?;
    let account = account?;
    let Some(account) = account.first() else {
        client.batch_execute("ROLLBACK").await?;
        return Ok(LoginOutcome::WrongAccount);
    };
    if account.try_get(1)? {
        client.batch_execute("ROLLBACK").await?;
        return Ok(LoginOutcome::SecondFactorRequired);
    }
    let user = UserId::from_uuid(account.try_get(0)?);
    let registration = login.keys.as_ref().and_then(|new| new.keys.registration);
    let registration = registration.map(RegistrationId::get);
    let mut params = login.params(&user, &derived);
    params.push((&registration, Type::INT4));
    let (rows, published) =
        tokio::join!(client.query_typed(&LOGIN, &params), published(client, login, user));
    let rows = rows?;
    let row = rows.first().ok_or(StoreError::UnexpectedData)?;
    // Without keys nobody needs to address the device; the log-in that brings some gets the
    // number, or is refused.
    if login.keys.is_some() && row.try_get(3)? {
        client.batch_execute("ROLLBACK").await?;
        return Ok(LoginOutcome::DeviceIdsExhausted);
    }
    if !published? {
        client.batch_execute("ROLLBACK").await?;
        return Ok(LoginOutcome::LastResortClash);
    }
    client.batch_execute("COMMIT").await?;
    Ok(LoginOutcome::Completed(completed(row)?))
}

/// The keys that came with a log-in, in two statements behind the one that writes the device.
async fn published(client: &Object, login: &NewLogin, user: UserId) -> Result<bool, StoreError> {
    let Some(keys) = &login.keys else { return Ok(true) };
    let fingerprint = &login.details.fingerprint;
    // On the heap: few log-ins bring keys, and the others need not carry its state.
    Box::pin(publish(client, user, fingerprint, login.now, keys)).await
}

fn completed(row: &Row) -> Result<LoginCompleted, StoreError> {
    let ended: Vec<Uuid> = row.try_get(2)?;
    Ok(LoginCompleted {
        user: UserId::from_uuid(row.try_get(0)?),
        device: DeviceId::from_uuid(row.try_get(1)?),
        ended: ended.into_iter().map(SessionId::from_uuid).collect(),
    })
}
