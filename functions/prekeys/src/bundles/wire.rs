//! Request and response bodies, and the parsing of requests into domain types.

use domain::ids::UserId;
use serde::{Deserialize, Serialize};
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use utoipa::ToSchema;
use uuid::Uuid;

/// Users whose bundles one call fetches.
const MAX_USERS: usize = 50;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlesRequest {
    /// Whose bundles are wanted; one that is named twice counts once.
    #[schema(required, value_type = Vec<Uuid>, min_items = 1, max_items = 50)]
    user_ids: Option<Vec<String>>,
}

pub struct Users(pub Vec<UserId>);

impl Validate for Users {
    type Wire = BundlesRequest;

    fn validate(wire: BundlesRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let ids = errors.required("userIds", wire.user_ids, |ids| {
            if (1..=MAX_USERS).contains(&ids.len()) {
                Ok(ids)
            } else {
                Err("must hold 1 to 50 ids")
            }
        })?;
        let mut users = Vec::with_capacity(ids.len());
        for (n, id) in ids.into_iter().enumerate() {
            let id = errors.optional(&format!("userIds[{n}]"), Some(id), |id| uuid(&id));
            let user = id.map(UserId::from_uuid);
            users.extend(user.filter(|user| !users.contains(user)));
        }
        Some(Self(users))
    }
}

/// A public key with its id, as it was uploaded.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlePrekey {
    pub key_id: i32,
    pub public_key: String,
}

#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundleSignedPrekey {
    pub key_id: i32,
    pub public_key: String,
    pub signature: String,
}

/// What a sender needs to begin a session with a device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    pub user_id: Uuid,
    pub device_id: Uuid,
    #[schema(minimum = 1, maximum = 127)]
    pub signal_device_id: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<i32>,
    pub identity_key: String,
    pub signed_pre_key: BundleSignedPrekey,
    /// A one-time key that nobody else gets; absent when none is left, or when this caller
    /// had its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_key: Option<BundlePrekey>,
    /// A one-time Kyber key, else the one of last resort; absent only if the device has none of
    /// either, as a shipped client's may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kyber_pre_key: Option<BundleSignedPrekey>,
}

/// The bundle of one device, and its fields again in the names of older clients.
#[derive(Serialize, ToSchema)]
pub struct DeviceBundle {
    #[serde(flatten)]
    pub bundle: Bundle,
    /// Of the user's device list.
    pub version: i64,
    pub identity_key: String,
    pub signed_prekey: SnakeSignedPrekey,
    /// At most one.
    pub one_time_prekeys: Vec<SnakePrekey>,
}

#[derive(Serialize, ToSchema)]
pub struct SnakeSignedPrekey {
    pub key_id: i32,
    pub public_key: String,
    pub signature: String,
}

#[derive(Serialize, ToSchema)]
pub struct SnakePrekey {
    pub key_id: i32,
    pub public_key: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBundles {
    pub user_id: Uuid,
    /// Of the user's device list.
    pub version: i64,
    /// By Signal device id. A device without keys is left out, and so is the caller's own.
    pub devices: Vec<Bundle>,
}

#[derive(Serialize, ToSchema)]
pub struct SeveralBundles {
    /// In the order in which they were asked for; without those that have no keys.
    pub users: Vec<UserBundles>,
}
