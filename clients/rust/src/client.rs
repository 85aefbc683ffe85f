//! The client: one method per operation. It has no state of its own, and its clones share the SDK's.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::types::{
    AccountRestored, ChangePhoneNumber, DeleteUser, Devices, GetDevices, GetUser, IntrospectToken,
    Introspection, Operation, PhoneNumberChanged, Problem, ResetSecondFactor, RestoreAccount,
    RevokeSessions, SecondFactorReset, SessionsRevoked, User, UserDeleted,
};

/// A call failed. The texts of answers stay out of it: they may hold user data.
#[derive(Debug, Error)]
pub enum CallError {
    /// The function was not reached, or Lambda refused the call. Nobody knows whether a change was made:
    /// repeat it with the same `request_id`.
    #[error("failed to invoke the function")]
    Invoke(#[source] Box<SdkError<InvokeError>>),
    /// The function crashed or ran out of time. As above.
    #[error("the function failed: {0}")]
    Function(String),
    /// The service refused it. Nothing was changed, unless the status is 500 or above.
    #[error("refused with {} ({})", .0.code, .0.status)]
    Refused(Box<Problem>),
    #[error("the call cannot be written as JSON")]
    Call(#[source] serde_json::Error),
    #[error("the answer is not that of the operation")]
    Answer(#[source] serde_json::Error),
}

/// Calls the function `internal`.
#[derive(Clone, Debug)]
pub struct AuthClient {
    lambda: Client,
    function: String,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $method:ident($input:ident) -> $answer:ident;)*) => {
        $($(#[$doc])*
        pub async fn $method(&self, input: $input) -> Result<$answer, CallError> {
            self.call(&input.into()).await
        })*
    };
}

impl AuthClient {
    /// A client of the function with this name or ARN.
    pub fn new(lambda: Client, function: impl Into<String>) -> Self {
        Self { lambda, function: function.into() }
    }

    calls! {
        /// Reads an account.
        get_user(GetUser) -> User;
        /// Reads the devices of an account, with their push tokens.
        get_devices(GetDevices) -> Devices;
        /// Asks whether an access token is good now.
        introspect_token(IntrospectToken) -> Introspection;
        /// Ends sessions.
        revoke_sessions(RevokeSessions) -> SessionsRevoked;
        /// Gives an account a newly proven number.
        change_phone_number(ChangePhoneNumber) -> PhoneNumberChanged;
        /// Gives an account that lost its number a newly proven one.
        restore_account(RestoreAccount) -> AccountRestored;
        /// Removes the second factor of an account after 7 days.
        reset_second_factor(ResetSecondFactor) -> SecondFactorReset;
        /// Deletes an account.
        delete_user(DeleteUser) -> UserDeleted;
    }

    async fn call<A: DeserializeOwned>(&self, operation: &Operation) -> Result<A, CallError> {
        let payload = serde_json::to_vec(operation).map_err(CallError::Call)?;
        let invoke = self.lambda.invoke().function_name(&self.function);
        let output = invoke.payload(Blob::new(payload)).send().await;
        let output = output.map_err(|error| CallError::Invoke(Box::new(error)))?;
        if let Some(kind) = output.function_error() {
            return Err(CallError::Function(kind.to_owned()));
        }
        let payload = output.payload().map(Blob::as_ref).unwrap_or_default();
        read(payload)
    }
}

/// A refusal has a code and a status. No answer has.
fn read<A: DeserializeOwned>(payload: &[u8]) -> Result<A, CallError> {
    let answer: Value = serde_json::from_slice(payload).map_err(CallError::Answer)?;
    if answer["code"].is_string() && answer["status"].is_u64() {
        let problem = serde_json::from_value(answer).map_err(CallError::Answer)?;
        return Err(CallError::Refused(Box::new(problem)));
    }
    serde_json::from_value(answer).map_err(CallError::Answer)
}
