//! What register and log in share: their input, their outcomes, and the parameters and
//! columns of their statements.

use domain::access::{Choice, LogInPolicy};
use domain::device::DeviceType;
use domain::ids::{DeviceId, EntryId, SessionId, UserId, VerificationId};
use domain::phone::PhoneNumber;
use domain::prekey::SignalDeviceId;
use domain::session::{Rotation, expires_at};
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::clock::Rng;
use crate::crypto::IdentityIndex;
use crate::store::access::SecondFactorClaim;
use crate::store::devices::AccountDevice;
use crate::store::error::{StoreError, map_constraint};
use crate::store::keys::publish::{NewKeys, Published, publish_keys};
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

/// What the client said of its device.
#[derive(Debug)]
pub struct DeviceDetails {
    pub fingerprint: String,
    pub name: Option<String>,
    pub kind: Option<DeviceType>,
    /// Type and name of a new device that did not say.
    pub derived: (DeviceType, String),
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    pub fcm_token: Option<String>,
    pub apns_token: Option<String>,
}

/// A session to be created, with every id it needs.
#[derive(Debug)]
pub struct NewLogin {
    /// What the log-in uses up: a verification, or the id of a QR log-in.
    pub verification: VerificationId,
    /// Used where the account or the device is new.
    pub user: UserId,
    pub device: DeviceId,
    pub session: SessionId,
    pub history: EntryId,
    /// The device of this id, if the client named it by that, and none has its fingerprint.
    pub named_device: Option<DeviceId>,
    /// The session of an earlier token that the client showed.
    pub previous_session: Option<SessionId>,
    /// A right code of the second factor, not spent yet.
    pub second_factor: Option<SecondFactorClaim>,
    pub details: DeviceDetails,
    pub keys: Option<NewKeys>,
    /// Which device makes room if the account has as many as it may have.
    pub makes_room: Choice,
    pub address: String,
    pub now: Timestamp,
    pub audit: AuditEntry,
    /// For the audit entry of a device that makes room.
    pub rng: Rng,
}

/// The number that a log-in has proven, and what else decides whether it opens the account.
#[derive(Debug)]
pub struct ProvenNumber {
    pub phone: PhoneNumber,
    /// The hash of the recovery code that was shown.
    pub recovery_code: Option<[u8; 32]>,
    /// What is recorded if the number gets a new account, if the user agreed to that.
    pub start_over: Option<StartOver>,
    /// What is recorded if lock or second factor stop the log-in.
    pub stopped: AuditEntry,
    pub policy: LogInPolicy,
    /// Makes the digests of identity keys that may not come back.
    pub identities: IdentityIndex,
}

/// What is recorded of a log-in that starts over.
#[derive(Debug)]
pub struct StartOver {
    /// In the chain of the new account.
    pub registered: AuditEntry,
    /// In that of the old one. They do not tell who the new owner is.
    pub released: AuditEntry,
    pub keys_deleted: AuditEntry,
}

/// A session that was created.
#[derive(Debug)]
pub struct LoginCompleted {
    pub user: UserId,
    pub device: DeviceId,
    /// The client's own id of the device.
    pub installation: String,
    /// None if the device has no keys.
    pub signal_device_id: Option<SignalDeviceId>,
    /// Earlier sessions of the same device, ended by this one, and those of a device that made room.
    pub ended: Vec<SessionId>,
    /// The account that lost the number, and its sessions, which have ended.
    pub released: Option<(UserId, Vec<SessionId>)>,
}

/// A device of a full account.
#[derive(Debug)]
pub struct ReplaceableDevice {
    pub device: AccountDevice,
    /// Whether this log-in may replace it.
    pub is_replaceable: bool,
}

#[derive(Debug)]
pub enum LoginOutcome {
    Completed(LoginCompleted),
    /// The number to register has an account already.
    AccountExists,
    /// The number to log in with has no account.
    AccountNotFound,
    /// Another request consumed the verification first.
    VerificationUsed,
    /// The account requires a second factor, which was not presented.
    SecondFactorRequired,
    /// Another request spent the code of the second factor first.
    SecondFactorSpent,
    /// Nobody used the account for long, and nothing but the number was shown.
    AccountIdle,
    /// The registration lock stands in the way of what was shown.
    RegistrationLocked {
        lapses_in: Duration,
    },
    /// The account has as many devices as it may have, and none was chosen to make room.
    DeviceLimit(Vec<ReplaceableDevice>),
    /// The device needs a Signal device id to publish keys, and none is free.
    DeviceIdsExhausted,
    /// The identity key belongs to another user.
    IdentityKeyInUse,
    /// The Kyber key of last resort is a one-time key too, or has the id of one.
    LastResortClash,
}

/// The parameters that both statements share.
pub(super) const TYPES: [(&str, Type); 22] = [
    ("user", Type::UUID),
    ("device", Type::UUID),
    ("fingerprint", Type::TEXT),
    ("device_name", Type::TEXT),
    ("device_type", Type::TEXT),
    ("default_device_name", Type::TEXT),
    ("default_device_type", Type::TEXT),
    ("model", Type::TEXT),
    ("os_version", Type::TEXT),
    ("app_version", Type::TEXT),
    ("fcm_token", Type::TEXT),
    ("apns_token", Type::TEXT),
    ("session", Type::UUID),
    ("verification", Type::UUID),
    ("expires_at", Type::TIMESTAMPTZ),
    ("history", Type::UUID),
    ("address", Type::TEXT),
    ("timestamp", Type::INT8),
    ("now", Type::TIMESTAMPTZ),
    ("has_keys", Type::BOOL),
    AUDIT_ENTRY,
    AUDIT_PERSONAL,
];

pub(super) const DEVICE_COLUMNS: &str = "id, user_id, device_fingerprint, device_name, \
     device_type, model, os_version, app_version, fcm_token, apns_token, is_verified, \
     last_active, created_at, updated_at, signal_device_id, joined, joined_at";
pub(super) const SESSION_COLUMNS: &str =
    "id, user_id, device_id, auth_time, issued_at, rotated_at, expires_at, created_at";

/// Consumes the verification for the CTE `account (user_id)`. The primary key lets one call
/// succeed; another waits for its transaction.
pub(super) const USED_VERIFICATION: &str = "used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           SELECT :verification, :session, :now FROM account)";

/// The login that used the verification, if it is of this very call: an earlier try whose
/// answer was lost. With the sessions that it ended.
static FIND_OWN_LOGIN: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_own_login",
        "SELECT s.user_id, s.device_id, d.device_fingerprint AS installation,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = d.id)
                THEN d.signal_device_id END AS signal_device_id,
                array(SELECT e.id FROM auth.sessions e
                       WHERE e.device_id = s.device_id AND e.ended_by = s.id) AS ended
           FROM auth.used_verifications v
           LEFT JOIN auth.sessions s ON s.id = v.used_by AND s.id = :session
           LEFT JOIN auth.devices d ON d.id = s.device_id
          WHERE v.verification_id = :verification",
        [("verification", Type::UUID), ("session", Type::UUID)],
    )
});

row_struct! {
    struct OwnLoginRow {
        user_id: Option<Uuid>,
        device_id: Option<Uuid>,
        installation: Option<String>,
        signal_device_id: Option<i16>,
        ended: Vec<Uuid>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&FIND_OWN_LOGIN];

/// Ends a transaction that wrote nothing, and reads why: the login of an earlier try of this
/// call, a verification that another call used, or neither.
pub(super) async fn find_own_login(
    transaction: Transaction<'_>,
    login: &NewLogin,
) -> Result<Ended<Option<LoginOutcome>>, StoreError> {
    let parameters: &[Parameter<'_>] =
        &[("verification", login.verification.as_uuid()), ("session", login.session.as_uuid())];
    let rows = transaction.rollback_with::<OwnLoginRow>(&FIND_OWN_LOGIN, parameters).await?;
    Ok(rows.map(|rows| {
        let row: OwnLoginRow = rows.into_iter().next()?;
        let device = row.device_id.zip(row.installation);
        let own = row.user_id.zip(device).map(|(user, (device, installation))| {
            LoginCompleted::new(user, device, installation, row.signal_device_id, row.ended)
        });
        Some(own.map_or(LoginOutcome::VerificationUsed, LoginOutcome::Completed))
    }))
}

/// Values that parameters refer to and the login does not hold as such.
pub(super) struct Derived {
    kind: Option<&'static str>,
    default_kind: &'static str,
    pub(super) now: SystemTime,
    pub(super) auth_time: SystemTime,
    expires_at: SystemTime,
    timestamp: i64,
    has_keys: bool,
}

impl NewLogin {
    /// Of a session whose number was proven at `auth_time`.
    pub(super) fn derived(&self, auth_time: Timestamp) -> Derived {
        let first = Rotation::first(self.now);
        Derived {
            kind: self.details.kind.map(DeviceType::as_str),
            default_kind: self.details.derived.0.as_str(),
            now: self.now.into(),
            expires_at: expires_at(first.issued_at, auth_time).into(),
            auth_time: auth_time.into(),
            timestamp: self.now.millis(),
            has_keys: self.keys.is_some(),
        }
    }

    /// The values of [`TYPES`].
    pub(super) fn parameters<'a>(
        &'a self,
        user: &'a UserId,
        derived: &'a Derived,
        audit: &'a AuditEntry,
    ) -> Vec<Parameter<'a>> {
        let details = &self.details;
        vec![
            ("user", user.as_uuid()),
            ("device", self.device.as_uuid()),
            ("fingerprint", &details.fingerprint),
            ("device_name", &details.name),
            ("device_type", &derived.kind),
            ("default_device_name", &details.derived.1),
            ("default_device_type", &derived.default_kind),
            ("model", &details.model),
            ("os_version", &details.os_version),
            ("app_version", &details.app_version),
            ("fcm_token", &details.fcm_token),
            ("apns_token", &details.apns_token),
            ("session", self.session.as_uuid()),
            ("verification", self.verification.as_uuid()),
            ("expires_at", &derived.expires_at),
            ("history", self.history.as_uuid()),
            ("address", &self.address),
            ("timestamp", &derived.timestamp),
            ("now", &derived.now),
            ("has_keys", &derived.has_keys),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ]
    }

    /// Publishes the keys that came along, if any, behind the statement that writes the
    /// device.
    pub(super) async fn publish_keys(
        &self,
        transaction: &Transaction<'_>,
        user: UserId,
    ) -> Result<Published, StoreError> {
        let Some(keys) = &self.keys else { return Ok(Published::Done) };
        let device = (self.details.fingerprint.as_str(), self.named_device);
        // On the heap: few log-ins bring keys, and the others need not carry its state.
        Box::pin(publish_keys(transaction, user, device, self.now, keys)).await
    }
}

impl LoginCompleted {
    pub(super) fn new(
        user: Uuid,
        device: Uuid,
        installation: String,
        signal_device_id: Option<i16>,
        ended: Vec<Uuid>,
    ) -> Self {
        Self {
            user: UserId::from_uuid(user),
            device: DeviceId::from_uuid(device),
            installation,
            signal_device_id: signal_device_id.map(SignalDeviceId::from_stored),
            ended: ended.into_iter().map(SessionId::from_uuid).collect(),
            released: None,
        }
    }
}

impl LoginOutcome {
    /// Why a log-in must not commit because of its keys, if so.
    pub(super) const fn of_keys(published: Published) -> Option<Self> {
        match published {
            Published::Done => None,
            Published::LastResortClash => Some(Self::LastResortClash),
            Published::Retired => Some(Self::IdentityKeyInUse),
        }
    }
}

/// The outcomes that unique constraints stand for. The connection of the failed transaction
/// has closed.
pub(super) fn map_login_constraint(
    result: Result<LoginOutcome, StoreError>,
) -> Result<LoginOutcome, StoreError> {
    map_constraint(result, login_constraint)
}

/// The outcome that a violated unique constraint stands for.
pub(super) fn login_constraint(constraint: &str) -> Option<LoginOutcome> {
    match constraint {
        "used_verifications_pkey" => Some(LoginOutcome::VerificationUsed),
        "identity_keys_identity" => Some(LoginOutcome::IdentityKeyInUse),
        _ => None,
    }
}
