//! The operations that change an account. Each is made once under the id that its caller drew, and leaves
//! an entry in the trail that names the caller.

use auth_client::{
    AccountRestored, ChangePhoneNumber, DeleteUser, Operation, PhoneNumberChanged,
    ResetSecondFactor, RestoreAccount, RevokeSessions, SecondFactorReset, SessionsRevoked,
    UserDeleted,
};
use aws_lc_rs::digest::{SHA256, digest};
use domain::device::Fingerprint;
use domain::ids::{DeviceId, SessionId, UserId, VerificationId};
use domain::time::Timestamp;
use domain::verification::Purpose;
use shared::audit::{AuditEntry, Operator, SecurityEvent};
use shared::clock::date_time;
use shared::http::extract::fresh_proof::{RequestedBy, delete_verification, proven_phone};
use shared::http::problem::{Code, FieldError, Problem};
use shared::store::StoreError;
use shared::store::operator::{OperatorCall, OperatorChange, OperatorPhone, OperatorRefusal};
use shared::telemetry::ErrorChain;
use uuid::Uuid;

use crate::state::InternalState;

/// Who changes something, and when.
#[derive(Clone, Debug)]
pub(crate) struct ChangeContext {
    /// The ARN that a gateway has verified.
    pub caller: Option<String>,
    pub invocation: String,
    pub now: Timestamp,
    /// Of all that was asked for.
    digest: [u8; 32],
}

impl ChangeContext {
    pub(crate) fn new(
        (caller, invocation): (Option<String>, &str),
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        // No operation with an id holds anything personal: the digest tells nothing.
        let asked = serde_json::to_vec(operation).map_err(Problem::internal)?;
        let mut of_asked = [0; 32];
        of_asked.copy_from_slice(digest(&SHA256, &asked).as_ref());
        Ok(Self { caller, invocation: invocation.to_owned(), now, digest: of_asked })
    }

    fn call(
        &self,
        operation: &'static str,
        (request, user): (Uuid, Uuid),
        event: SecurityEvent,
    ) -> OperatorCall {
        self.call_about(operation, (request, user), event, (None, None))
    }

    /// Of a change that names a session or a device.
    fn call_about(
        &self,
        operation: &'static str,
        (request, user): (Uuid, Uuid),
        event: SecurityEvent,
        named: (Option<SessionId>, Option<DeviceId>),
    ) -> OperatorCall {
        let operator =
            Operator { caller: self.caller.clone(), invocation: self.invocation.clone(), request };
        OperatorCall {
            request,
            user: UserId::from_uuid(user),
            operation,
            digest: self.digest,
            now: self.now,
            audit: AuditEntry::by_operator(event, named, &operator, self.now),
        }
    }
}

/// What came of a change. The sessions that it ended have tombstones when this answers.
async fn conclude(
    state: &InternalState,
    user: UserId,
    result: Result<Result<OperatorChange, OperatorRefusal>, StoreError>,
) -> Result<OperatorChange, Problem> {
    let change = result?.map_err(refused)?;
    state.core.write_tombstones(user, &change.tombstones).await;
    Ok(change)
}

fn refused(refusal: OperatorRefusal) -> Problem {
    let field = |field, code, detail| Problem::invalid(vec![FieldError::new(field, code, detail)]);
    match refusal {
        OperatorRefusal::UserNotFound => Problem::new(Code::UserNotFound),
        OperatorRefusal::RequestReused => {
            field("requestId", "reused", "is the id of another change; draw a new one")
        }
        OperatorRefusal::Released => {
            field("userId", "released", "is an account that lost its number; use restore_account")
        }
        OperatorRefusal::NotReleased => {
            field("userId", "not_released", "is an account that has its number")
        }
        OperatorRefusal::NoSecondFactor => Problem::new(Code::TwoFactorDisabled),
        OperatorRefusal::VerificationUsed => Problem::new(Code::VerificationInvalid),
        OperatorRefusal::AccountExists => Problem::new(Code::AccountExists),
    }
}

pub(crate) async fn revoke_sessions(
    state: &InternalState,
    context: &ChangeContext,
    input: RevokeSessions,
) -> Result<SessionsRevoked, Problem> {
    let device = input.device_id.map(DeviceId::from_uuid);
    let session = input.session_id.map(SessionId::from_uuid);
    let event = match (session, device) {
        (None, None) => SecurityEvent::AllSessionsEnded,
        _ => SecurityEvent::SessionEnded,
    };
    let ids = (input.request_id, input.user_id);
    let call = context.call_about("revoke_sessions", ids, event, (session, device));
    let revoked = state.core.store.revoke_sessions(&call, device, session).await;
    let change = conclude(state, call.user, revoked).await?;
    Ok(SessionsRevoked { user_id: input.user_id, ended_sessions: change.ended_sessions })
}

pub(crate) async fn change_phone_number(
    state: &InternalState,
    context: &ChangeContext,
    input: ChangePhoneNumber,
) -> Result<PhoneNumberChanged, Problem> {
    let ids = (input.request_id, input.user_id);
    let call = context.call("change_phone_number", ids, SecurityEvent::PhoneChanged);
    let new = number(state, input.verification_id, input.device_id, context.now).await?;
    let changed = state.core.store.change_phone_by_operator(&call, &new).await;
    let change = conclude(state, call.user, changed).await?;
    state.core.metrics.count("auth_phone_changes_total");
    delete_verification(&state.core, &new.verification).await;
    Ok(PhoneNumberChanged { user_id: input.user_id, ended_sessions: change.ended_sessions })
}

pub(crate) async fn restore_account(
    state: &InternalState,
    context: &ChangeContext,
    input: RestoreAccount,
) -> Result<AccountRestored, Problem> {
    let ids = (input.request_id, input.user_id);
    let call = context.call("restore_account", ids, SecurityEvent::AccountRestored);
    let new = number(state, input.verification_id, input.device_id, context.now).await?;
    let restored = state.core.store.restore_account(&call, &new).await;
    let _ = conclude(state, call.user, restored).await?;
    delete_verification(&state.core, &new.verification).await;
    Ok(AccountRestored { user_id: input.user_id })
}

/// The number that a verification for a registration proves. A repeated call may find that its first one
/// has used it.
async fn number(
    state: &InternalState,
    verification: Uuid,
    device: Option<String>,
    now: Timestamp,
) -> Result<OperatorPhone, Problem> {
    let verification = VerificationId::from_uuid(verification);
    let device = device.and_then(|device| Fingerprint::parse(device).ok());
    let of = (Purpose::Register, RequestedBy::Fingerprint(device.as_ref()));
    let phone = proven_phone(&state.core, &state.pepper, now, &verification, of).await?;
    Ok(OperatorPhone { phone, verification })
}

pub(crate) async fn reset_second_factor(
    state: &InternalState,
    context: &ChangeContext,
    input: ResetSecondFactor,
) -> Result<SecondFactorReset, Problem> {
    let ids = (input.request_id, input.user_id);
    let event = SecurityEvent::SecondFactorResetRequested;
    let call = context.call("reset_second_factor", ids, event);
    let requested = state.core.store.request_second_factor_reset(&call).await;
    let change = conclude(state, call.user, requested).await?;
    let effective_at = change.effective_at.map(date_time).unwrap_or_default();
    Ok(SecondFactorReset { user_id: input.user_id, effective_at })
}

pub(crate) async fn delete_user(
    state: &InternalState,
    context: &ChangeContext,
    input: DeleteUser,
) -> Result<UserDeleted, Problem> {
    let ids = (input.request_id, input.user_id);
    let call = context.call("delete_user", ids, SecurityEvent::AccountDeleted);
    let deleted = state.core.store.delete_account_by_operator(&call, &state.identities).await;
    let change = conclude(state, call.user, deleted).await?;
    state.core.metrics.count("auth_accounts_deleted_total");
    let keys = state.core.cache.delete_account_keys(call.user, &change.deleted_sessions).await;
    if let Err(error) = keys {
        // They expire by themselves.
        tracing::warn!(error = %ErrorChain(&error), "failed to delete cache keys of an account");
    }
    Ok(UserDeleted { user_id: input.user_id, ended_sessions: change.ended_sessions })
}
