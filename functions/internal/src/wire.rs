//! What an event asks for, validated as the bodies of HTTP requests are.

use auth_client::{
    ChangePhoneNumber, DeleteUser, GetDevices, GetUser, IntrospectToken, Operation,
    ResetSecondFactor, RestoreAccount, RevokeSessions, Sensitive,
};
use domain::device::Fingerprint;
use domain::phone::PhoneNumber;
use domain::text::bounded;
use serde::Deserialize;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use uuid::Uuid;

/// A longer string is no token of this service.
const MAX_TOKEN: usize = 4096;

/// The fields of all operations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallBody {
    operation: Option<String>,
    request_id: Option<String>,
    user_id: Option<String>,
    device_id: Option<String>,
    session_id: Option<String>,
    verification_id: Option<String>,
    phone_number: Option<String>,
    token: Option<String>,
}

/// A valid call. A phone number in it is in its normal form.
pub(crate) struct Call(pub Operation);

impl Validate for Call {
    type Wire = CallBody;

    fn validate(wire: CallBody, errors: &mut ValidationErrors) -> Option<Self> {
        let Some(operation) = wire.operation.clone() else {
            errors.add("operation", "required", names());
            return None;
        };
        let operation = match operation.as_str() {
            "get_user" => get_user(&wire, errors).map(Operation::from),
            "get_devices" => wire.user(errors).map(|user_id| GetDevices { user_id }.into()),
            "introspect_token" => {
                let token = errors.required("token", wire.token, |text| bounded(text, MAX_TOKEN));
                token.map(|token| IntrospectToken { token: Sensitive::from(token) }.into())
            }
            "revoke_sessions" => revoke_sessions(&wire, errors).map(Operation::from),
            "change_phone_number" => new_number(wire, errors).map(|number| {
                let NewNumber { request_id, user_id, verification_id, device_id } = number;
                ChangePhoneNumber { request_id, user_id, verification_id, device_id }.into()
            }),
            "restore_account" => new_number(wire, errors).map(|number| {
                let NewNumber { request_id, user_id, verification_id, device_id } = number;
                RestoreAccount { request_id, user_id, verification_id, device_id }.into()
            }),
            "reset_second_factor" => wire
                .change(errors)
                .map(|(request_id, user_id)| ResetSecondFactor { request_id, user_id }.into()),
            "delete_user" => wire
                .change(errors)
                .map(|(request_id, user_id)| DeleteUser { request_id, user_id }.into()),
            _ => {
                errors.add("operation", "invalid", names());
                None
            }
        };
        operation.map(Self)
    }
}

fn names() -> String {
    format!("must be one of {}", Operation::NAMES.join(", "))
}

impl CallBody {
    fn user(&self, errors: &mut ValidationErrors) -> Option<Uuid> {
        errors.required("userId", self.user_id.as_deref(), uuid)
    }

    /// What every change names: itself, and the account.
    fn change(&self, errors: &mut ValidationErrors) -> Option<(Uuid, Uuid)> {
        let request = errors.required("requestId", self.request_id.as_deref(), uuid);
        let user = self.user(errors);
        Some((request?, user?))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the other operations")]
fn get_user(wire: &CallBody, errors: &mut ValidationErrors) -> Option<GetUser> {
    let user_id = errors.optional("userId", wire.user_id.as_deref(), uuid);
    let parse = |text: String| PhoneNumber::parse(&text);
    let phone = errors.optional("phoneNumber", wire.phone_number.clone(), parse);
    match (&wire.user_id, &wire.phone_number) {
        (None, None) => errors.add("userId", "required", "is required, or phoneNumber"),
        (Some(_), Some(_)) => {
            errors.add("phoneNumber", "invalid", "must not be sent together with userId");
        }
        _ => {}
    }
    let phone_number = phone.map(|phone| Sensitive::from(phone.as_e164()));
    Some(GetUser { user_id, phone_number })
}

fn revoke_sessions(wire: &CallBody, errors: &mut ValidationErrors) -> Option<RevokeSessions> {
    let change = wire.change(errors);
    let device_id = errors.optional("deviceId", wire.device_id.as_deref(), uuid);
    let session_id = errors.optional("sessionId", wire.session_id.as_deref(), uuid);
    let (request_id, user_id) = change?;
    Some(RevokeSessions { request_id, user_id, device_id, session_id })
}

/// An account, and the verification of its next number.
#[expect(clippy::struct_field_names, reason = "ids of different things")]
struct NewNumber {
    request_id: Uuid,
    user_id: Uuid,
    verification_id: Uuid,
    device_id: Option<String>,
}

fn new_number(wire: CallBody, errors: &mut ValidationErrors) -> Option<NewNumber> {
    let change = wire.change(errors);
    let verification_id = errors.required("verificationId", wire.verification_id.as_deref(), uuid);
    let device = errors.optional("deviceId", wire.device_id, Fingerprint::parse);
    let (request_id, user_id) = change?;
    Some(NewNumber {
        request_id,
        user_id,
        verification_id: verification_id?,
        device_id: device.map(Fingerprint::into_text),
    })
}
