//! An example of each refusal, for the OpenAPI document.

use domain::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

use super::{Code, FieldError, Problem};
use crate::http::examples::REQUEST_ID;

/// The body of a refusal with this code, as a client receives it.
#[must_use]
pub fn example_of(code: Code) -> Value {
    let field = |field, code, detail| vec![FieldError::new(field, code, detail)];
    let problem = match code {
        Code::CodeIncorrect => Problem::incorrect(4),
        Code::ValidationFailed => {
            Problem::invalid(field("phoneNumber", "invalid", "is not a valid phone number"))
        }
        Code::KeyInvalid => {
            Problem::with_errors(code, field("signature", "invalid", "is not by the identity key"))
        }
        Code::KyberLastResortRequired => {
            let name = "signalKeyBundle.kyberLastResortPreKey";
            Problem::with_errors(code, field(name, "required", "is required"))
        }
        Code::IdentityProofRequired => {
            let name = "signalKeyBundle.identityProof";
            Problem::with_errors(code, field(name, "required", "is required"))
        }
        Code::RegistrationLocked => Problem::registration_locked(Duration::from_hours(5 * 24)),
        Code::DeviceTooNew => {
            let week = Duration::from_hours(7 * 24);
            Problem::too_new(Timestamp::from_millis(1_773_307_740_000) + week)
        }
        Code::DeviceLimit => Problem::device_limit(Vec::new()),
        Code::TwoFactorLocked => Problem::retry(code, Duration::from_mins(15)),
        Code::ResendTooEarly => Problem::retry(code, Duration::from_secs(30)),
        Code::SmsPaused => Problem::retry(code, Duration::from_mins(30)),
        Code::PhoneLocked => Problem::retry(code, Duration::from_hours(24)),
        Code::TooManyAttempts => Problem::retry(code, Duration::from_secs(1)),
        Code::RateLimited => Problem::retry(code, Duration::from_secs(12)),
        Code::Unavailable => Problem::retry(code, super::OUTAGE_WAIT),
        _ => Problem::new(code),
    };
    problem.body(REQUEST_ID)
}
