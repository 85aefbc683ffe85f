//! The operations that only read.

use auth_client::{
    Device, Devices, GetDevices, GetUser, IntrospectToken, Introspection, Sensitive, User,
};
use domain::ids::UserId;
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use shared::clock::date_time;
use shared::http::problem::{Code, Problem};
use shared::store::operator::{OperatorAccount, OperatorDevice};

use crate::state::InternalState;

/// An account, by its id or by its number.
pub(crate) async fn get_user(
    state: &InternalState,
    input: GetUser,
    now: Timestamp,
) -> Result<User, Problem> {
    let store = &state.core.store;
    let found = match (input.user_id, input.phone_number) {
        (Some(user), _) => store.find_operator_account(UserId::from_uuid(user), now).await?,
        (None, Some(phone)) => match PhoneNumber::from_stored(phone.into_exposed()) {
            Ok(phone) => store.find_operator_account_by_phone(&phone, now).await?,
            Err(_) => None,
        },
        (None, None) => None,
    };
    found.map(user).ok_or_else(|| Problem::new(Code::UserNotFound))
}

fn user(found: OperatorAccount) -> User {
    User {
        user_id: *found.user.as_uuid(),
        phone_number: found.phone.map(|phone| Sensitive::from(phone.as_e164())),
        created_at: date_time(found.created_at),
        last_authenticated_at: date_time(found.last_authenticated_at),
        two_factor_enabled: found.has_second_factor,
        two_factor_reset_at: found.second_factor_reset_at.map(date_time),
        registration_lock: found.has_registration_lock,
        device_count: found.devices,
        released_at: found.released_at.map(date_time),
    }
}

/// The devices of an account.
pub(crate) async fn get_devices(
    state: &InternalState,
    input: GetDevices,
    now: Timestamp,
) -> Result<Devices, Problem> {
    let user = UserId::from_uuid(input.user_id);
    let found = state.core.store.list_operator_devices(user, now).await?;
    let (version, devices) = found.ok_or_else(|| Problem::new(Code::UserNotFound))?;
    let devices = devices.into_iter().map(device).collect();
    Ok(Devices { user_id: input.user_id, version, devices })
}

fn device(found: OperatorDevice) -> Device {
    Device {
        device_id: *found.id.as_uuid(),
        installation_id: found.fingerprint,
        device_name: found.name,
        device_type: found.kind,
        model: found.model,
        os_version: found.os_version,
        app_version: found.app_version,
        fcm_token: found.fcm_token.map(Sensitive::from),
        apns_token: found.apns_token.map(Sensitive::from),
        signal_device_id: found.signal_device,
        is_verified: found.is_verified,
        is_active: found.is_active,
        last_active: date_time(found.last_active),
        created_at: date_time(found.created_at),
    }
}

/// Whether an access token is good now. The row of its session decides: an answer is never older than the
/// question.
pub(crate) async fn introspect_token(
    state: &InternalState,
    input: IntrospectToken,
    now: Timestamp,
) -> Result<Introspection, Problem> {
    let Ok(access) = state.verifier.verify_access(input.token.expose(), now) else {
        return Ok(Introspection::default());
    };
    let principal = access.principal;
    if !state.core.store.is_session_alive(principal, now).await? {
        return Ok(Introspection::default());
    }
    Ok(Introspection {
        active: true,
        user_id: Some(*principal.user.as_uuid()),
        session_id: Some(*principal.session.as_uuid()),
        device_id: Some(*principal.device.as_uuid()),
        issued_at: Some(date_time(access.issued_at)),
        expires_at: Some(date_time(access.expires_at)),
        key_thumbprint: access.binding.map(|binding| binding.jkt),
    })
}
