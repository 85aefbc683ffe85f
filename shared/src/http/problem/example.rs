//! An example of each refusal, for the OpenAPI document.

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
