//! The record of a QR log-in: its key, its fields, and how it is read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::{DeviceId, QrLoginId, SessionId, UserId};
use domain::principal::Principal;
use domain::qr::{CHALLENGE_TTL, LINK_TTL};
use domain::time::Timestamp;
use redis::Value;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

use crate::cache::error::CacheError;
use crate::crypto::constant_time_eq;
use crate::limits::check::hash_tag;
use crate::store::access::Approval;

pub(super) const FIND: &str = "find_qr_login";

/// Which of the two devices shows the QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrKind {
    /// A logged-in device shows a challenge.
    Challenge,
    /// A new device shows a link.
    Link,
}

impl QrKind {
    pub(super) fn key(self, id: &QrLoginId) -> String {
        match self {
            Self::Challenge => format!("qr_challenge:{}", hash_tag(id)),
            Self::Link => format!("qr_link:{}", hash_tag(id)),
        }
    }

    /// How long it may take until the new device is logged in.
    #[must_use]
    pub const fn ttl(self) -> Duration {
        match self {
            Self::Challenge => CHALLENGE_TTL,
            Self::Link => LINK_TTL,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrState {
    /// Nobody has scanned the challenge.
    Shown,
    /// The new device waits.
    Scanned,
    Approved,
    Denied,
}

impl QrState {
    const ALL: [Self; 4] = [Self::Shown, Self::Scanned, Self::Approved, Self::Denied];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Scanned => "scanned",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

/// What the new device says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDevice {
    pub fingerprint: String,
    /// As sent, or derived from the User-Agent.
    pub name: String,
    pub kind: String,
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    /// The network that it asks from.
    pub network: String,
}

/// What the new device brings: at the scan, or with its link.
#[derive(Debug)]
pub struct Newcomer {
    pub device: NewDevice,
    /// Digests of its secret and of its confirm code.
    pub secret: [u8; 32],
    pub confirm_code: [u8; 32],
    /// Its bundle as JSON, if it has one.
    pub keys: Option<String>,
    /// The thumbprint of the key that its tokens are to be bound to, if it showed one.
    pub jkt: Option<String>,
}

/// A QR log-in that has not expired.
#[derive(Clone, Debug)]
pub struct QrLogin {
    pub state: QrState,
    pub expires_at: Timestamp,
    /// The account and the device of the challenge, or of whoever approved the link.
    pub owner: Option<(UserId, DeviceId)>,
    pub device: Option<NewDevice>,
    pub has_keys: bool,
    /// Of a link: the proof of possession, once it was sent.
    pub proof: Option<String>,
    /// There once it is approved, with the session that is to be made.
    pub approved: Option<(Approval, SessionId)>,
    pub is_delivered: bool,
    challenge: String,
    secret: String,
    confirm_code: String,
}

impl QrLogin {
    /// Compared in constant time, as are the others.
    #[must_use]
    pub fn is_challenge(&self, digest: &[u8; 32]) -> bool {
        is_digest(&self.challenge, digest)
    }

    #[must_use]
    pub fn is_secret(&self, digest: &[u8; 32]) -> bool {
        is_digest(&self.secret, digest)
    }

    #[must_use]
    pub fn is_confirm_code(&self, digest: &[u8; 32]) -> bool {
        is_digest(&self.confirm_code, digest)
    }
}

/// What is not stored is equal to nothing.
fn is_digest(stored: &str, shown: &[u8; 32]) -> bool {
    constant_time_eq(stored, &text(shown))
}

pub(super) fn text(digest: &[u8; 32]) -> String {
    BASE64.encode(digest)
}

/// The fields that are read, in this order. `keys` is large, and read where it is needed.
pub(super) const FIELDS: [&str; 14] = [
    "state",
    "expires_at",
    "user",
    "device",
    "new_device",
    "has_keys",
    "proof",
    "approver_session",
    "second_factor",
    "session",
    "delivered",
    "challenge",
    "secret",
    "confirm_code",
];

/// None if the record does not exist.
pub(super) fn parse(value: Value) -> Result<Option<QrLogin>, CacheError> {
    let fields: [Option<String>; FIELDS.len()] =
        redis::from_redis_value(value).map_err(|_| unexpected("the fields of a record"))?;
    let [
        state,
        expires_at,
        user,
        device,
        new_device,
        has_keys,
        proof,
        approver_session,
        second_factor,
        session,
        delivered,
        challenge,
        secret,
        confirm_code,
    ] = fields;
    let Some(state) = state else { return Ok(None) };
    let state = QrState::ALL.into_iter().find(|known| known.as_str() == state);
    let expires_at = expires_at.and_then(|at| at.parse().ok());
    let owner = match (user, device) {
        (Some(user), Some(device)) => {
            Some((UserId::from_uuid(uuid(&user)?), DeviceId::from_uuid(uuid(&device)?)))
        }
        _ => None,
    };
    let new_device = match new_device {
        Some(json) => {
            Some(serde_json::from_str(&json).map_err(|_| unexpected("a device that scanned"))?)
        }
        None => None,
    };
    let approved = match (owner, approver_session, second_factor, session) {
        (Some((user, device)), Some(approver), Some(second_factor), Some(session)) => {
            let approver = SessionId::from_uuid(uuid(&approver)?);
            let approver = Principal { user, session: approver, device };
            let session = SessionId::from_uuid(uuid(&session)?);
            Some((Approval { approver, second_factor }, session))
        }
        _ => None,
    };
    Ok(Some(QrLogin {
        state: state.ok_or_else(|| unexpected("a state"))?,
        expires_at: Timestamp::from_millis(expires_at.ok_or_else(|| unexpected("a time"))?),
        owner,
        device: new_device,
        has_keys: has_keys.is_some(),
        proof,
        approved,
        is_delivered: delivered.is_some(),
        challenge: challenge.unwrap_or_default(),
        secret: secret.unwrap_or_default(),
        confirm_code: confirm_code.unwrap_or_default(),
    }))
}

fn uuid(text: &str) -> Result<Uuid, CacheError> {
    Uuid::try_parse(text).map_err(|_| unexpected("an id"))
}

pub(super) const fn unexpected(expected: &'static str) -> CacheError {
    CacheError::UnexpectedData { operation: FIND, expected }
}

impl Newcomer {
    pub(super) fn fields(&self) -> Result<Vec<(&'static str, String)>, CacheError> {
        let device = serde_json::to_string(&self.device).map_err(|_| unexpected("a device"))?;
        let mut fields = vec![
            ("new_device", device),
            ("secret", text(&self.secret)),
            ("confirm_code", text(&self.confirm_code)),
        ];
        if let Some(keys) = &self.keys {
            fields.extend([("has_keys", "1".to_owned()), ("keys", keys.clone())]);
        }
        if let Some(jkt) = &self.jkt {
            fields.push(("jkt", jkt.clone()));
        }
        Ok(fields)
    }
}
