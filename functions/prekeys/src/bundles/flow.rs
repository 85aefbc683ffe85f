//! The use cases: load, decide, store, answer.

use domain::ids::UserId;
use domain::prekey::RegistrationId;
use shared::http::context::RequestContext;
use shared::http::extract::DirectoryCaller;
use shared::http::problem::{Code, Problem};
use shared::store::keys::{StoredBundle, StoredKey, StoredSignedKey, Target};

use super::target::{BundleOf, BundlesOf, BundlesOfOne};
use super::wire::{
    Bundle, BundlePrekey, BundleSignedPrekey, DeviceBundle, SeveralBundles, SnakePrekey,
    SnakeSignedPrekey, UserBundles,
};
use crate::state::PrekeysState;

/// The bundle of one device.
pub async fn device_bundle(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<BundleOf>,
) -> Result<DeviceBundle, Problem> {
    let BundleOf { user, device } = caller.target;
    let target = Target { user, one_time: caller.quotas == [true] };
    let now = context.now();
    let stored = state.core.store.take_device_bundle(target, device, now).await?;
    let stored = stored.ok_or_else(|| Problem::new(Code::KeysNotFound))?;
    let version = stored.device_list_version;
    let bundle = bundle(state, stored).ok_or_else(|| Problem::new(Code::KeysExpired))?;
    Ok(DeviceBundle {
        version,
        identity_key: bundle.identity_key.clone(),
        signed_prekey: SnakeSignedPrekey {
            key_id: bundle.signed_pre_key.key_id,
            public_key: bundle.signed_pre_key.public_key.clone(),
            signature: bundle.signed_pre_key.signature.clone(),
        },
        one_time_prekeys: bundle.pre_key.iter().map(snake).collect(),
        bundle,
    })
}

/// The bundles of all devices of each of these users, except the caller's own device. The users
/// that the answer has no room for remain.
pub async fn bundles(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<BundlesOf>,
) -> Result<SeveralBundles, Problem> {
    let DirectoryCaller { principal, target: BundlesOf(users), quotas } = caller;
    let targets: Vec<_> =
        users.iter().zip(quotas).map(|(user, one_time)| Target { user: *user, one_time }).collect();
    let own = principal.map(|principal| principal.device);
    let taken = state.core.store.take_bundles(&targets, own, context.now()).await?;
    let (answered, remaining) = users.split_at_checked(taken.users).unwrap_or((&users, &[]));
    let refusal = if taken.bundles.is_empty() { Code::KeysNotFound } else { Code::KeysExpired };
    let mut by_user = by_user(state, taken.bundles);
    for own in answered.iter().filter(|user| principal.is_some_and(|p| p.user == **user)) {
        if by_user.iter().all(|of| of.user_id != *own.as_uuid()) {
            by_user.extend(no_other_devices(state, context, *own).await?);
        }
    }
    if by_user.is_empty() && remaining.is_empty() {
        return Err(Problem::new(refusal));
    }
    by_user.sort_by_key(|of| users.iter().position(|user| *user.as_uuid() == of.user_id));
    let remaining = remaining.iter().map(|user| *user.as_uuid()).collect();
    Ok(SeveralBundles { users: by_user, remaining })
}

/// The same of one user.
pub async fn user_bundles(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<BundlesOfOne>,
) -> Result<UserBundles, Problem> {
    let DirectoryCaller { principal, target: BundlesOfOne(user), quotas } = caller;
    let target = Target { user, one_time: quotas == [true] };
    let own = principal.map(|principal| principal.device);
    let stored = state.core.store.take_user_bundles(target, own, context.now()).await?;
    let refusal = if stored.is_empty() { Code::KeysNotFound } else { Code::KeysExpired };
    let mut found = by_user(state, stored).into_iter().next();
    if found.is_none() && principal.is_some_and(|principal| principal.user == user) {
        found = no_other_devices(state, context, user).await?;
    }
    found.ok_or_else(|| Problem::new(refusal))
}

/// The bundles of each user that has some.
fn by_user(state: &PrekeysState, stored: Vec<StoredBundle>) -> Vec<UserBundles> {
    let mut by_user: Vec<UserBundles> = Vec::new();
    for stored in stored {
        let (user_id, version) = (*stored.user.as_uuid(), stored.device_list_version);
        let Some(bundle) = bundle(state, stored) else { continue };
        match by_user.last_mut() {
            Some(last) if last.user_id == user_id => last.devices.push(bundle),
            _ => by_user.push(UserBundles { user_id, version, devices: vec![bundle] }),
        }
    }
    by_user
}

/// The answer to a caller who has no other device with keys: messages to the own devices go to
/// nobody, which is no error.
async fn no_other_devices(
    state: &PrekeysState,
    context: &RequestContext,
    own: UserId,
) -> Result<Option<UserBundles>, Problem> {
    let list = state.core.store.find_device_list(own, context.now()).await?;
    let (user_id, devices) = (*own.as_uuid(), Vec::new());
    Ok(list.map(|list| UserBundles { user_id, version: list.version, devices }))
}

/// The bundle as it goes out; none once its signed prekey is not handed out any more.
fn bundle(state: &PrekeysState, stored: StoredBundle) -> Option<Bundle> {
    let StoredSignedKey { id, key, signature, .. } = stored.signed?;
    state.core.metrics.count("auth_prekey_bundles_total");
    state.core.metrics.count(match stored.prekey {
        Some(_) => r#"auth_prekeys_handed_out_total{kind="one_time"}"#,
        None => r#"auth_prekeys_handed_out_total{kind="none"}"#,
    });
    let kyber_pre_key = stored.kyber_prekey.map(|kyber| {
        state.core.metrics.count(if kyber.last_resort {
            r#"auth_prekeys_handed_out_total{kind="kyber_last_resort"}"#
        } else {
            r#"auth_prekeys_handed_out_total{kind="kyber_one_time"}"#
        });
        BundleSignedPrekey {
            key_id: kyber.id,
            public_key: kyber.key.to_base64(),
            signature: kyber.signature,
        }
    });
    let pre_key =
        stored.prekey.map(|StoredKey { id, key }| BundlePrekey { key_id: id, public_key: key });
    Some(Bundle {
        user_id: *stored.user.as_uuid(),
        device_id: *stored.device.as_uuid(),
        signal_device_id: stored.signal_device_id.get(),
        registration_id: stored.registration.map(RegistrationId::get),
        identity_key: stored.identity,
        signed_pre_key: BundleSignedPrekey { key_id: id, public_key: key, signature },
        pre_key,
        kyber_pre_key,
    })
}

fn snake(key: &BundlePrekey) -> SnakePrekey {
    SnakePrekey { key_id: key.key_id, public_key: key.public_key.clone() }
}
