//! Request and response bodies, and the parsing of requests into domain types.

use domain::ids::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::http::examples;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use utoipa::ToSchema;
use uuid::Uuid;

/// Maximum number of users per call.
const MAX_USERS: usize = 50;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "userIds": [examples::USER_ID] }))]
pub struct BundlesRequest {
    /// The users whose bundles to fetch, by the `userId` of their registration. Duplicates count
    /// once.
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

/// A public key with its id, in the encoding in which it was uploaded.
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

/// The keys that a sender needs to start a session with a device (X3DH, PQXDH).
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
    /// A one-time EC prekey that no other caller receives. Absent if none is left or if this
    /// caller's limit for one-time prekeys is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_key: Option<BundlePrekey>,
    /// A one-time Kyber prekey, or the last-resort Kyber prekey if none is left. Absent only if
    /// the device has published no Kyber prekey, which older clients may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kyber_pre_key: Option<BundleSignedPrekey>,
}

/// The bundle of one device. For older clients an answer repeats it as `identity_key`,
/// `signed_prekey` and `one_time_prekeys`, with fields in snake case; new clients ignore these.
#[derive(Serialize, ToSchema)]
#[schema(example = device_bundle_example)]
pub struct DeviceBundle {
    #[serde(flatten)]
    pub bundle: Bundle,
    /// Version of the user's device list.
    pub version: i64,
    // Not in the description: generated clients could not tell them from those of the bundle.
    #[schema(ignore)]
    pub identity_key: String,
    #[schema(ignore)]
    pub signed_prekey: SnakeSignedPrekey,
    /// Holds at most one key.
    #[schema(ignore)]
    pub one_time_prekeys: Vec<SnakePrekey>,
}

#[derive(Serialize)]
pub struct SnakeSignedPrekey {
    pub key_id: i32,
    pub public_key: String,
    pub signature: String,
}

#[derive(Serialize)]
pub struct SnakePrekey {
    pub key_id: i32,
    pub public_key: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = user_bundles_example)]
pub struct UserBundles {
    pub user_id: Uuid,
    /// Version of the user's device list.
    pub version: i64,
    /// Sorted by Signal device id, without devices that have no keys and without the caller's
    /// own device.
    pub devices: Vec<Bundle>,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "users": [user_bundles_example()], "remaining": [] }))]
pub struct SeveralBundles {
    /// In the order of the request, without users that have no keys. The caller's own user is
    /// always there.
    pub users: Vec<UserBundles>,
    /// Users that this answer has no room for, in the order of the request: ask for them again. No
    /// key of theirs was taken.
    pub remaining: Vec<Uuid>,
}

fn device_bundle_example() -> Value {
    let mut example = examples::bundle();
    example["version"] = json!(2);
    example
}

fn user_bundles_example() -> Value {
    json!({ "userId": examples::USER_ID, "version": 2, "devices": [examples::bundle()] })
}
