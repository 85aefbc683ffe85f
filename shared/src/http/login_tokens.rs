//! What a new session is answered with: by register, by log-in, and by the poll of a QR log-in.

use domain::phone::PhoneNumber;
use domain::prekey::SignalDeviceId;
use domain::principal::Principal;
use domain::session::{Rotation, refresh_expires_in};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::examples;
use super::extract::Binding;
use crate::clock::Rng;
use crate::tokens::{TokenError, TokenIssuer};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LoginTokens)]
pub struct Tokens {
    /// ES256 JWT, `typ: at+jwt`, for 15 minutes.
    access_token: String,
    /// ES256 JWT, `typ: rt+jwt`, for this service alone; it can be exchanged once.
    refresh_token: String,
    /// Seconds until the access token expires.
    #[schema(minimum = 0)]
    expires_in: u64,
    /// Seconds until the refresh token expires.
    #[schema(minimum = 0)]
    refresh_expires_in: u64,
    user_id: Uuid,
    /// The id of the device in this service: paths and tokens name it so.
    device_id: Uuid,
    /// The client's own stable id of the device, as it was sent, or made here. Send it at the next
    /// log-in of this device.
    installation_id: String,
    /// The number of the device in Signal's addresses. Absent if the device has no keys.
    #[schema(minimum = 1, maximum = 127)]
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_device_id: Option<i16>,
    /// After a QR log-in: the number of the account, masked as `+33***4567`.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
}

/// The times of a session that was never refreshed.
#[derive(Clone, Copy, Debug)]
pub struct LoginTimes {
    pub issued_at: Timestamp,
    /// When the number was proven.
    pub auth_time: Timestamp,
    pub now: Timestamp,
}

impl Tokens {
    /// The first tokens of a session. The refresh token is the same each time.
    pub fn issue(
        issuer: &TokenIssuer,
        rng: Rng,
        principal: Principal,
        Binding(binding): &Binding,
        (installation_id, signal_device_id): (String, Option<SignalDeviceId>),
        LoginTimes { issued_at, auth_time, now }: LoginTimes,
    ) -> Result<Self, TokenError> {
        let (binding, rotation) = (binding.as_ref(), Rotation::first(issued_at));
        Ok(Self {
            access_token: issuer.access(principal, binding, now, rng)?,
            refresh_token: issuer.refresh(principal, binding, &rotation, auth_time)?,
            expires_in: issuer.access_ttl().as_secs(),
            refresh_expires_in: refresh_expires_in(issued_at, auth_time, now),
            user_id: *principal.user.as_uuid(),
            device_id: *principal.device.as_uuid(),
            installation_id,
            signal_device_id: signal_device_id.map(SignalDeviceId::get),
            phone_number: None,
        })
    }

    /// For a device that does not know the number.
    #[must_use]
    pub fn with_phone(self, phone: Option<&PhoneNumber>) -> Self {
        Self { phone_number: phone.map(PhoneNumber::masked), ..self }
    }
}

/// An answer to a register or log-in, with or without keys.
#[must_use]
pub fn answer_example(with_keys: bool) -> Tokens {
    Tokens {
        access_token: examples::access_token(),
        refresh_token: examples::refresh_token(),
        expires_in: 900,
        refresh_expires_in: 2_592_000,
        user_id: examples::USER_ID,
        device_id: examples::DEVICE_ID,
        installation_id: examples::INSTALLATION_ID.to_string(),
        signal_device_id: with_keys.then_some(1),
        phone_number: None,
    }
}

/// An answer to the poll of a QR log-in.
#[must_use]
pub fn qr_answer_example() -> Tokens {
    Tokens { phone_number: Some("+1***0123".to_owned()), ..answer_example(false) }
}
