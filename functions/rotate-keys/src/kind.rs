//! What a secret holds, by its tag `auth:rotates`, and how that rotates.

use domain::time::Timestamp;
use secrecy::SecretString;
use shared::crypto::data_keys::rotate_data_keys;
use shared::crypto::pepper::rotate_pepper;
use shared::crypto::{DataKeySet, PepperSet};
use shared::tokens::{SigningKeys, rotate_jwt_keys};
use std::collections::HashMap;
use std::time::Duration;

use crate::RotationError;

const KIND: &str = "auth:rotates";
const PUBLIC_KEYS: &str = "auth:public-keys";
const ANNOUNCEMENT: &str = "auth:announcement-hours";
const DEFAULT_ANNOUNCEMENT: u64 = 24;
/// Sandboxes and readers of the JWKS know new keys within minutes, and an idle sandbox is gone
/// within hours.
const MIN_ANNOUNCEMENT: u64 = 1;
const MAX_ANNOUNCEMENT: u64 = 30 * 24;

/// How long a next key is known before it is used.
pub(crate) fn announcement(tags: &HashMap<String, String>) -> Result<Duration, RotationError> {
    let hours = tags.get(ANNOUNCEMENT).map(|hours| hours.parse());
    match hours.unwrap_or(Ok(DEFAULT_ANNOUNCEMENT)) {
        Ok(hours @ MIN_ANNOUNCEMENT..=MAX_ANNOUNCEMENT) => Ok(Duration::from_hours(hours)),
        _ => Err(RotationError::BadAnnouncement),
    }
}

/// What a secret holds.
pub(crate) enum Kind {
    JwtKeys {
        /// The secret that holds the public keys.
        public_keys: String,
    },
    Pepper,
    DataKeys,
}

impl Kind {
    pub(crate) fn of(tags: &HashMap<String, String>) -> Result<Self, RotationError> {
        match tags.get(KIND).map(String::as_str) {
            Some("jwt-keys") => {
                let public_keys = tags.get(PUBLIC_KEYS).cloned();
                let public_keys = public_keys.ok_or(RotationError::NoPublicKeys)?;
                Ok(Self::JwtKeys { public_keys })
            }
            Some("pepper") => Ok(Self::Pepper),
            Some("data-keys") => Ok(Self::DataKeys),
            _ => Err(RotationError::UnknownKind),
        }
    }

    /// The set that follows. A next key is used from then on, and there is a new next key.
    /// `in_use_since` is when the last rotation finished, which may have waited for days.
    pub(crate) fn rotate(
        &self,
        keys: &SecretString,
        in_use_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<SecretString, RotationError> {
        let rotated = match self {
            Self::JwtKeys { .. } => rotate_jwt_keys(keys, in_use_since, now),
            Self::Pepper => rotate_pepper(keys),
            Self::DataKeys => rotate_data_keys(keys),
        };
        rotated.map_err(RotationError::Malformed)
    }

    /// Whether there is a key that the next rotation puts to use.
    pub(crate) fn has_next(&self, keys: &SecretString) -> Result<bool, RotationError> {
        let has_next = match self {
            Self::JwtKeys { .. } => SigningKeys::parse(keys).map(|keys| keys.next().is_some()),
            Self::Pepper => PepperSet::parse(keys).map(|keys| keys.has_next()),
            Self::DataKeys => DataKeySet::parse(keys).map(|keys| keys.has_next()),
        };
        has_next.map_err(RotationError::Malformed)
    }

    /// Whether `keys` use a key that `before` knows, and lose none.
    pub(crate) fn follows(
        &self,
        keys: &SecretString,
        before: &SecretString,
    ) -> Result<bool, RotationError> {
        let follows = match self {
            Self::JwtKeys { .. } => both(SigningKeys::parse, SigningKeys::follows, keys, before),
            Self::Pepper => both(PepperSet::parse, PepperSet::follows, keys, before),
            Self::DataKeys => both(DataKeySet::parse, DataKeySet::follows, keys, before),
        };
        follows.map_err(RotationError::Malformed)
    }
}

fn both<T>(
    parse: fn(&SecretString) -> Result<T, &'static str>,
    follows: fn(&T, &T) -> bool,
    keys: &SecretString,
    before: &SecretString,
) -> Result<bool, &'static str> {
    Ok(follows(&parse(keys)?, &parse(before)?))
}

/// The public keys of a set, as the secret of the public keys holds them.
pub(crate) fn public_keys(keys: &SecretString) -> Result<SecretString, RotationError> {
    let keys = SigningKeys::parse(keys).map_err(RotationError::Malformed)?;
    Ok(SecretString::from(keys.public().stored()))
}
