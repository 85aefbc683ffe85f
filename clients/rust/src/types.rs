//! What the internal operations take and give. JSON in camelCase; fields that are absent are never null.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A text that does not print: a phone number, a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Sensitive(String);

impl Sensitive {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_exposed(self) -> String {
        self.0
    }
}

impl<T: Into<String>> From<T> for Sensitive {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(…)")
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A call: what is sent to the function.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "operation", rename_all = "snake_case")]
        pub enum Operation { $($(#[$doc])* $variant($variant),)* }

        impl Operation {
            /// The names of all operations.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }
        }

        $(impl From<$variant> for Operation {
            fn from(input: $variant) -> Self { Self::$variant(input) }
        })*
    };
}

operations! {
    GetUser = "get_user",
    GetDevices = "get_devices",
    IntrospectToken = "introspect_token",
    RevokeSessions = "revoke_sessions",
    ChangePhoneNumber = "change_phone_number",
    RestoreAccount = "restore_account",
    ResetSecondFactor = "reset_second_factor",
    DeleteUser = "delete_user",
}

/// Reads an account, by its id or by its number. Exactly one of both.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GetUser {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// In international form. An account that lost its number has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(value_type = Option<String>))]
    pub phone_number: Option<Sensitive>,
}

impl GetUser {
    #[must_use]
    pub const fn by_id(user: Uuid) -> Self {
        Self { user_id: Some(user), phone_number: None }
    }

    #[must_use]
    pub fn by_phone(number: &str) -> Self {
        Self { user_id: None, phone_number: Some(Sensitive::from(number)) }
    }
}

/// Reads the devices of an account, with their push tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GetDevices {
    pub user_id: Uuid,
}

/// Asks whether an access token is good now: signature, claims, time, and that its session lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct IntrospectToken {
    #[cfg_attr(feature = "schemas", schema(value_type = String, max_length = 4096))]
    pub token: Sensitive,
}

/// Ends sessions: all of the account, those of a device, or one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RevokeSessions {
    /// Of this change: drawn by the caller, and the same when the change is repeated.
    pub request_id: Uuid,
    pub user_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
}

/// Gives an account a newly proven number. Its sessions end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangePhoneNumber {
    /// Of this change: drawn by the caller, and the same when the change is repeated.
    pub request_id: Uuid,
    pub user_id: Uuid,
    /// Of the new number, for a registration: confirmed by the user and not used.
    pub verification_id: Uuid,
    /// As at the request for the verification, if that named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(max_length = 128))]
    pub device_id: Option<String>,
}

/// Gives an account that lost its number a newly proven one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RestoreAccount {
    /// Of this change: drawn by the caller, and the same when the change is repeated.
    pub request_id: Uuid,
    pub user_id: Uuid,
    /// Of the new number, for a registration: confirmed by the user and not used.
    pub verification_id: Uuid,
    /// As at the request for the verification, if that named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(max_length = 128))]
    pub device_id: Option<String>,
}

/// Removes the second factor of an account after 7 days, unless a verified device cancels it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResetSecondFactor {
    /// Of this change: drawn by the caller, and the same when the change is repeated.
    pub request_id: Uuid,
    pub user_id: Uuid,
}

/// Deletes an account, as its user would.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeleteUser {
    /// Of this change: drawn by the caller, and the same when the change is repeated.
    pub request_id: Uuid,
    pub user_id: Uuid,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub user_id: Uuid,
    /// E.164. Absent if the number has another account now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(value_type = Option<String>))]
    pub phone_number: Option<Sensitive>,
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub created_at: String,
    /// The last log-in that proved the number.
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub last_authenticated_at: String,
    pub two_factor_enabled: bool,
    /// When a reset of the second factor that was asked for takes effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub two_factor_reset_at: Option<String>,
    pub registration_lock: bool,
    #[cfg_attr(feature = "schemas", schema(minimum = 0))]
    pub device_count: i64,
    /// When it lost its number. It is deleted 30 days later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub released_at: Option<String>,
}

/// The devices of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    pub user_id: Uuid,
    /// Of the list that others encrypt to.
    pub version: i64,
    /// The newest activity first.
    pub devices: Vec<Device>,
}

/// A device of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub device_id: Uuid,
    /// The client's own stable id of it.
    pub installation_id: String,
    pub device_name: String,
    /// `ios`, `android`, `web` or `desktop`.
    pub device_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(value_type = Option<String>))]
    pub fcm_token: Option<Sensitive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(value_type = Option<String>))]
    pub apns_token: Option<Sensitive>,
    /// In Signal's addresses. Absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(minimum = 1, maximum = 127))]
    pub signal_device_id: Option<i16>,
    pub is_verified: bool,
    /// Whether it is logged in. Push only to devices that are.
    pub is_active: bool,
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub last_active: String,
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub created_at: String,
}

/// What an access token says. If it is not good, nothing but that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Introspection {
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub issued_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub expires_at: Option<String>,
    /// The thumbprint of the key that the token is bound to (RFC 9449): without a proof of that key, it
    /// is worth nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_thumbprint: Option<String>,
}

/// The sessions have ended: their very next request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionsRevoked {
    pub user_id: Uuid,
    #[cfg_attr(feature = "schemas", schema(minimum = 0))]
    pub ended_sessions: i32,
}

/// The account has the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberChanged {
    pub user_id: Uuid,
    #[cfg_attr(feature = "schemas", schema(minimum = 0))]
    pub ended_sessions: i32,
}

/// The account has a number again: its user logs in with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccountRestored {
    pub user_id: Uuid,
}

/// The user is told. Until then, the second factor is still asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecondFactorReset {
    pub user_id: Uuid,
    #[cfg_attr(feature = "schemas", schema(format = DateTime))]
    pub effective_at: String,
}

/// The account is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserDeleted {
    pub user_id: Uuid,
    #[cfg_attr(feature = "schemas", schema(minimum = 0))]
    pub ended_sessions: i32,
}

/// A refusal (RFC 9457), as the HTTP routes give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Stable: what a caller decides by.
    pub code: String,
    #[cfg_attr(feature = "schemas", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    pub title: String,
    pub detail: String,
    /// Of the invocation.
    pub request_id: String,
    /// On `validation_failed`: each field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schemas", schema(required = false))]
    pub errors: Vec<FieldError>,
    /// On 503: seconds to wait before the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

/// A field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    pub field: String,
    pub code: String,
    pub detail: String,
}
