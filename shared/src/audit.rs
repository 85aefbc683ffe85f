//! Security events: every kind ever recorded, and how an entry is written so that the
//! log can be checked later.
//!
//! The causing transaction moves the user's head in `auth.audit_heads` (`seq` + 1,
//! `head` = SHA-256(head ‖ seq ‖ entry)) and puts entry, seq and hash into the outbox, and into
//! `auth.security_events`, which its user reads.
//! Personal fields enter the entry as salted commitments, SHA-256(salt ‖ value), and
//! travel beside it in the clear: erased later, the chain still holds.
//!
//! | file | what it is |
//! |---|---|
//! | [`chain`] | the rule of the chain, and what breaks it |
//! | [`root`] | signed roots over the heads of all chains |
//! | [`verify`] | walks the chains of all users |

pub mod chain;
pub mod root;
pub mod verify;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    UserRegistered,
    UserLoggedIn,
    SessionEnded,
    AllSessionsEnded,
    DeviceRemoved,
    /// A device joined by QR code, approved by another one.
    DeviceApproved,
    RefreshTokenReused,
    /// A number got more verifications or wrong codes than codes of six digits bear.
    CodesLengthened,
    PhoneLocked,
    IdentityKeyChanged,
    KeysDeleted,
    SecondFactorEnabled,
    SecondFactorDisabled,
    BackupCodesReplaced,
    RegistrationLockSet,
    RegistrationLockRemoved,
    PhoneChanged,
    /// The number got a new account. This one lost it.
    NumberReleased,
    /// Lock or second factor stopped a log-in with a proven number.
    LogInStopped,
    /// A change of second factor, lock or number was taken back.
    ChangeUndone,
    AccountDeleted,
    /// Another account showed that the identity key is its own; this one never had.
    IdentityKeyLost,
    /// Its name, or where its notices go.
    DeviceChanged,
    PrekeysUploaded,
    SecondFactorSetUp,
    /// A session showed it.
    SecondFactorVerified,
    /// A session showed the second factor by a backup code.
    BackupCodeUsed,
    /// An operator asked for a reset.
    SecondFactorResetRequested,
    /// A verified device of the account cancelled it.
    SecondFactorResetCancelled,
    /// It took effect: the second factor is gone.
    SecondFactorReset,
    /// An operator gave the account, which had lost its number, another one.
    AccountRestored,
    /// Counted by the hour, as the next ones: log-ins that the second factor stopped.
    LogInsFailed,
    /// Wrong codes of the second factor in sessions of the account.
    SecondFactorRefused,
    /// Requests beyond the limits of the account or of a session.
    RequestsLimited,
}

impl SecurityEvent {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRegistered => "user_registered",
            Self::UserLoggedIn => "user_logged_in",
            Self::SessionEnded => "session_ended",
            Self::AllSessionsEnded => "all_sessions_ended",
            Self::DeviceRemoved => "device_removed",
            Self::DeviceApproved => "device_approved",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::CodesLengthened => "codes_lengthened",
            Self::PhoneLocked => "phone_locked",
            Self::IdentityKeyChanged => "identity_key_changed",
            Self::KeysDeleted => "keys_deleted",
            Self::SecondFactorEnabled => "second_factor_enabled",
            Self::SecondFactorDisabled => "second_factor_disabled",
            Self::BackupCodesReplaced => "backup_codes_replaced",
            Self::RegistrationLockSet => "registration_lock_set",
            Self::RegistrationLockRemoved => "registration_lock_removed",
            Self::PhoneChanged => "phone_changed",
            Self::NumberReleased => "number_released",
            Self::LogInStopped => "log_in_stopped",
            Self::ChangeUndone => "change_undone",
            Self::AccountDeleted => "account_deleted",
            Self::IdentityKeyLost => "identity_key_lost",
            Self::DeviceChanged => "device_changed",
            Self::PrekeysUploaded => "prekeys_uploaded",
            Self::SecondFactorSetUp => "second_factor_set_up",
            Self::SecondFactorVerified => "second_factor_verified",
            Self::BackupCodeUsed => "backup_code_used",
            Self::SecondFactorResetRequested => "second_factor_reset_requested",
            Self::SecondFactorResetCancelled => "second_factor_reset_cancelled",
            Self::SecondFactorReset => "second_factor_reset",
            Self::AccountRestored => "account_restored",
            Self::LogInsFailed => "log_ins_failed",
            Self::SecondFactorRefused => "second_factor_refused",
            Self::RequestsLimited => "requests_limited",
        }
    }

    /// Those that Redis counts, and that are entered once an hour with their count.
    pub const HOURLY: [Self; 3] =
        [Self::LogInsFailed, Self::SecondFactorRefused, Self::RequestsLimited];
}

/// The id of an hourly event: the same however often it is entered.
#[must_use]
pub fn hourly_event_id(user: UserId, event: SecurityEvent, hour: Timestamp) -> Uuid {
    let text = format!("{user}:{}:{}", event.name(), hour.millis());
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

/// Who changes an account that is not its own.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The ARN that the gateway has verified. An invocation without a gateway has none: who made it is
    /// in CloudTrail, by the id of the invocation.
    pub caller: Option<String>,
    pub invocation: String,
    /// The id of the change, drawn by the caller.
    pub request: Uuid,
}

/// The `actor` of what an operator or another service changed. An entry of the user has none.
pub const OPERATOR: &str = "operator";

/// What every entry of a single event says.
fn fields(
    event: SecurityEvent,
    (session, device): (Option<SessionId>, Option<DeviceId>),
    now: Timestamp,
) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("event".into(), json!(event.name()));
    entry.insert("at".into(), json!(now.millis()));
    if let Some(session) = session {
        entry.insert("sessionId".into(), json!(session.to_string()));
    }
    if let Some(device) = device {
        entry.insert("deviceId".into(), json!(device.to_string()));
    }
    entry
}

/// An entry ready for the store.
#[derive(Debug)]
pub struct AuditEntry {
    /// The bytes that the hash covers.
    pub entry: String,
    /// The personal values with their salts, outside of the hash.
    pub personal: Value,
}

impl AuditEntry {
    #[must_use]
    pub fn new(
        event: SecurityEvent,
        session: Option<SessionId>,
        address: &str,
        now: Timestamp,
        rng: Rng,
    ) -> Self {
        Self::about(event, session, None, address, now, rng)
    }

    /// Of a device other than that of the session.
    #[must_use]
    pub fn about(
        event: SecurityEvent,
        session: Option<SessionId>,
        device: Option<DeviceId>,
        address: &str,
        now: Timestamp,
        rng: Rng,
    ) -> Self {
        let salt = BASE64.encode(rng.bytes::<16>());
        let commitment = digest(&SHA256, format!("{salt}{address}").as_bytes());
        let mut entry = fields(event, (session, device), now);
        entry.insert("address".into(), json!(BASE64.encode(commitment)));
        Self {
            entry: Value::Object(entry).to_string(),
            personal: json!({ "address": { "salt": salt, "value": address } }),
        }
    }

    /// Of a change that an operator or another service made: who, as IAM knows it, and by which
    /// invocation. Neither is the user's: both are in the bytes that the hash covers. Session and device
    /// are those that the operator named: after a restore, the entry alone tells what had ended.
    #[must_use]
    pub fn by_operator(
        event: SecurityEvent,
        named: (Option<SessionId>, Option<DeviceId>),
        operator: &Operator,
        now: Timestamp,
    ) -> Self {
        let mut entry = fields(event, named, now);
        entry.insert("actor".into(), json!(OPERATOR));
        if let Some(caller) = &operator.caller {
            entry.insert("caller".into(), json!(caller));
        }
        entry.insert("invocation".into(), json!(operator.invocation));
        entry.insert("requestId".into(), json!(operator.request.to_string()));
        Self { entry: Value::Object(entry).to_string(), personal: json!({}) }
    }

    /// Of what happened so often within the hour that began then.
    #[must_use]
    pub fn counted(event: SecurityEvent, count: i64, since: Timestamp, now: Timestamp) -> Self {
        let entry = json!({
            "event": event.name(),
            "at": now.millis(),
            "since": since.millis(),
            "count": count,
        });
        Self { entry: entry.to_string(), personal: json!({}) }
    }
}
