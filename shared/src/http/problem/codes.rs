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
    ValidationFailed = "validation_failed", BAD_REQUEST, "The request has invalid fields; `errors` names each.";
    IdMalformed = "id_malformed", BAD_REQUEST, "An id in the path is not a UUID.";
    CodeIncorrect = "code_incorrect", BAD_REQUEST, "The code is wrong; `attemptsLeft` says how many tries are left.";
    CodeExpired = "code_expired", BAD_REQUEST, "The code has expired; request a resend.";
    VerificationInvalid = "verification_invalid", BAD_REQUEST, "The verification is unknown, expired, used, or of another purpose or device; start a new one.";
    TwoFactorEnabled = "two_factor_enabled", BAD_REQUEST, "The second factor is enabled already; disable it first.";
    TwoFactorDisabled = "two_factor_disabled", BAD_REQUEST, "This account has no second factor; set one up first.";
    TwoFactorNotSetUp = "two_factor_not_set_up", BAD_REQUEST, "This session has no secret to enable, or was shown it more than 15 minutes ago; set one up again.";
    TokenMissing = "token_missing", UNAUTHORIZED, "Send an access token as bearer.";
    DpopProofInvalid = "dpop_proof_invalid", UNAUTHORIZED, "The token is bound to a key, and the DPoP header holds no proof of it for this request; send a new proof for each request.";
    TokenInvalid = "token_invalid", UNAUTHORIZED, "The token is not valid.";
    TokenExpired = "token_expired", UNAUTHORIZED, "The token has expired; refresh it, or log in again.";
    SessionEnded = "session_ended", UNAUTHORIZED, "The session has ended; log in again.";
    RefreshReused = "refresh_reused", UNAUTHORIZED, "A refresh token was used twice, so the session has ended; log in again.";
    MetricsForbidden = "metrics_forbidden", UNAUTHORIZED, "Send the metrics token as bearer.";
    OriginUnverified = "origin_unverified", FORBIDDEN, "The request did not come through the content delivery network; use the public address of the service.";
    ChallengeRefused = "challenge_refused", FORBIDDEN, "The captcha is not solved; show another one.";
    DeviceForeign = "device_foreign", FORBIDDEN, "The device belongs to another user.";
    InvocationForbidden = "invocation_forbidden", FORBIDDEN, "Only an invocation that IAM has authorized may call this operation.";
    DeviceUnverified = "device_unverified", FORBIDDEN, "Only a verified device may do this; use one, or let this one be approved by it.";
    TwoFactorRequired = "two_factor_required", FORBIDDEN, "This account requires a second factor; send a code of the authenticator app or a backup code, or verify one in this session first.";
    RecoveryCodeInvalid = "recovery_code_invalid", UNAUTHORIZED, "The recovery code is wrong; it counts as a wrong code of the second factor.";
    TwoFactorInvalid = "two_factor_invalid", UNAUTHORIZED, "The code of the second factor is wrong or was used; wait for the next one.";
    RegistrationLocked = "registration_locked", FORBIDDEN, "This account has a registration lock. Log in with its recovery code, or wait until the lock lapses.";
    DeviceTooNew = "device_too_new", FORBIDDEN, "This device joined by SMS alone while another device was active; `allowedAt` tells when it may do this. Use the other device, or wait.";
    FreshProofRequired = "fresh_proof_required", FORBIDDEN, "Refresh the access token, which may be 2 minutes old. If the log-in is older than 10 minutes, also confirm a log-in code for the number of this account and send its id as proofVerificationId.";
    QrDenied = "qr_denied", FORBIDDEN, "The QR log-in was denied on the other device; start a new one.";
    ConfirmCodeIncorrect = "confirm_code_incorrect", FORBIDDEN, "The confirm code is wrong, which ends this QR log-in; show a new QR code.";
    NotFound = "not_found", NOT_FOUND, "There is no such route.";
    VerificationNotFound = "verification_not_found", NOT_FOUND, "The verification is unknown or has expired.";
    AccountNotFound = "account_not_found", NOT_FOUND, "This number has no account; register it.";
    UndoNotFound = "undo_not_found", NOT_FOUND, "In the last 7 days, no younger device changed second factor, lock or number while the account had this number.";
    UserNotFound = "user_not_found", NOT_FOUND, "There is no such user.";
    DeviceNotFound = "device_not_found", NOT_FOUND, "You have no such device.";
    KeysNotFound = "keys_not_found", NOT_FOUND, "None of these users has published keys.";
    KeysExpired = "keys_expired", NOT_FOUND, "The signed prekey is older than its grace period; the device must upload a new one.";
    QrNotFound = "qr_not_found", NOT_FOUND, "You have no such QR log-in, or it has expired; show a new QR code.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This route does not offer this method; see `Allow`.";
    AccountUnknown = "account_unknown", BAD_REQUEST, "This number has no account; register it.";
    AccountExists = "account_exists", CONFLICT, "This number has an account already; log in.";
    AccountIdle = "account_idle", CONFLICT, "No device of this account was active for long: its number may have a new owner. Log in again with the same verification and an earlier token, the second factor or the recovery code; or, if the user wants a new account, with startOver.";
    DeviceLimit = "device_limit", CONFLICT, "This account has 10 devices, and may have no more. Let the user choose one of `devices` that is `replaceable`, and send the same request again with its id as replaceDeviceId.";
    QrNotReady = "qr_not_ready", CONFLICT, "No device has scanned the QR code yet, or the new device has not proven its keys yet; try again in a second.";
    IdentityKeyInUse = "identity_key_in_use", CONFLICT, "The identity key belongs to another user.";
    IdentityKeyMissing = "identity_key_missing", CONFLICT, "This device has published no identity key; log in with a signalKeyBundle first.";
    SignedPrekeyMissing = "signed_prekey_missing", CONFLICT, "This device has no signed prekey to compare; upload one.";
    DeviceIdsExhausted = "device_ids_exhausted", CONFLICT, "All 127 Signal device ids of this account are in use or were released less than 90 days ago.";
    RefreshSuperseded = "refresh_superseded", CONFLICT, "Another request has just refreshed this session; read the stored token again.";
    QrGone = "qr_gone", GONE, "The QR log-in is unknown, was used, or has ended; start a new one.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large.";
    NotJson = "not_json", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON.";
    KeyInvalid = "key_invalid", UNPROCESSABLE_ENTITY, "A key or a signature is not valid; `errors` names each.";
    CodeLengthOther = "code_length_other", UNPROCESSABLE_ENTITY, "The code has not the number of digits of this verification (`codeLength`); it was not compared.";
    KyberLastResortRequired = "kyber_last_resort_required", UNPROCESSABLE_ENTITY, "A signalKeyBundle needs a registrationId and a last-resort Kyber key: clients cannot use it without them.";
    IdentityProofRequired = "identity_proof_required", UNPROCESSABLE_ENTITY, "A signalKeyBundle needs an identityProof: a signature by the identity key over this verification and these keys.";
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many wrong codes; start a new verification.";
    TwoFactorLocked = "two_factor_locked", TOO_MANY_REQUESTS, "Too many wrong codes of the second factor; wait before trying again.";
    PhoneLocked = "phone_locked", TOO_MANY_REQUESTS, "This number gets no codes of 6 digits for now; send `maxCodeLength: 10` to get one of 10 digits, or wait.";
    SmsPaused = "sms_paused", TOO_MANY_REQUESTS, "Messages to this number are paused; try again later.";
    ResendTooEarly = "resend_too_early", TOO_MANY_REQUESTS, "A code has just been sent; wait before requesting another.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests; wait before trying again.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed; the request id helps its operator to find out why.";
    SmsFailed = "sms_failed", BAD_GATEWAY, "The code could not be sent; try again.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "A part of the service does not answer; try again.";
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
