//! The table of refusals: one stable code each, its status, and a sentence for people.

use http::StatusCode;
use std::fmt::Write as _;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $detail:literal;)*) => {
        /// Why a request was refused. The text form is part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What is said unless there is more to say.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

codes! {
    BodyMalformed = "body_malformed", BAD_REQUEST, "The body is not a JSON object in UTF-8, at most 32 levels deep.";
    ValidationFailed = "validation_failed", BAD_REQUEST, "The request holds invalid fields.";
    IdMalformed = "id_malformed", BAD_REQUEST, "The id in the path is not a UUID.";
    CodeIncorrect = "code_incorrect", BAD_REQUEST, "The code is not right.";
    CodeExpired = "code_expired", BAD_REQUEST, "The code has expired; ask for a new one.";
    VerificationInvalid = "verification_invalid", BAD_REQUEST, "The verification is unknown, over, or not for this.";
    TokenMissing = "token_missing", UNAUTHORIZED, "A bearer token is needed.";
    TokenInvalid = "token_invalid", UNAUTHORIZED, "The token is not valid.";
    TokenExpired = "token_expired", UNAUTHORIZED, "The token has expired.";
    SessionEnded = "session_ended", UNAUTHORIZED, "The session has ended; log in again.";
    RefreshReused = "refresh_reused", UNAUTHORIZED, "A spent refresh token came back: the session has ended.";
    MetricsForbidden = "metrics_forbidden", UNAUTHORIZED, "The metrics token is needed.";
    ChallengeRefused = "challenge_refused", FORBIDDEN, "The challenge is not approved; solve another.";
    DeviceForeign = "device_foreign", FORBIDDEN, "The device is not yours.";
    TwoFactorRequired = "two_factor_required", FORBIDDEN, "This account asks for a second factor.";
    NotFound = "not_found", NOT_FOUND, "There is nothing here.";
    VerificationNotFound = "verification_not_found", NOT_FOUND, "The verification is unknown or over.";
    AccountNotFound = "account_not_found", NOT_FOUND, "This number has no account.";
    UserNotFound = "user_not_found", NOT_FOUND, "There is no such user.";
    DeviceNotFound = "device_not_found", NOT_FOUND, "There is no such device of yours.";
    KeysNotFound = "keys_not_found", NOT_FOUND, "Nobody who was asked for has published keys.";
    KeysExpired = "keys_expired", NOT_FOUND, "The signed prekey is past its life and its grace; the device must rotate it.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This method is not offered here.";
    AccountUnknown = "account_unknown", BAD_REQUEST, "This number has no account.";
    AccountExists = "account_exists", CONFLICT, "This number has an account already.";
    IdentityKeyInUse = "identity_key_in_use", CONFLICT, "The identity key belongs to another user.";
    IdentityKeyMissing = "identity_key_missing", CONFLICT, "This device has published no identity key; log in with a signalKeyBundle first.";
    SignedPrekeyMissing = "signed_prekey_missing", CONFLICT, "This device has no signed prekey to compare.";
    DeviceIdsExhausted = "device_ids_exhausted", CONFLICT, "All 127 device numbers of this account are taken or were given up less than 90 days ago.";
    RefreshSuperseded = "refresh_superseded", CONFLICT, "Another request has just refreshed this session; read the stored token again.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large.";
    NotJson = "not_json", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON.";
    KeyInvalid = "key_invalid", UNPROCESSABLE_ENTITY, "A key or signature is not valid.";
    KyberLastResortRequired = "kyber_last_resort_required", UNPROCESSABLE_ENTITY, "A signalKeyBundle needs a registrationId and a last-resort Kyber key: no client can use it without them.";
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many wrong codes; ask for a new verification.";
    PhoneLocked = "phone_locked", TOO_MANY_REQUESTS, "Too many wrong codes for this number; wait before trying again.";
    SmsPaused = "sms_paused", TOO_MANY_REQUESTS, "Messages to this number are paused; try again later.";
    ResendTooEarly = "resend_too_early", TOO_MANY_REQUESTS, "A code has just been sent; wait before asking again.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests; wait before asking again.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something failed on our side.";
    SmsFailed = "sms_failed", BAD_GATEWAY, "The code could not be sent; try again.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "A part of the service cannot be reached; try again.";
}

/// The table of codes, for the OpenAPI description.
#[must_use]
pub fn code_table() -> String {
    let mut table = "| code | status | meaning |\n|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        let _ = writeln!(table, "| `{}` | {status} | {} |", code.as_str(), code.detail());
    }
    table
}
