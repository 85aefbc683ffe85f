//! What a caller asks of the directory, with the quotas of one-time keys that it takes.

use axum::extract::{FromRequest as _, Request};
use domain::ids::{DeviceId, UserId};
use shared::http::extract::ValidatedJson;
use shared::http::extract::directory::DirectoryTarget;
use shared::http::problem::Problem;
use shared::limits::Limit;
use uuid::Uuid;

use super::wire::Users;
use crate::target::path_ids;

/// The bundle of one device.
pub struct BundleOf {
    pub user: UserId,
    pub device: DeviceId,
}

impl DirectoryTarget for BundleOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let [user, device] = path_ids(request).await?;
        Ok(Self { user: UserId::from_uuid(user), device: DeviceId::from_uuid(device) })
    }

    fn quotas(&self) -> Vec<(Limit, Uuid)> {
        vec![(Limit::OneTimeKeysPerDevice, *self.device.as_uuid())]
    }
}

/// The bundles of all devices of these users.
pub struct BundlesOf(pub Vec<UserId>);

impl DirectoryTarget for BundlesOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let ValidatedJson(Users(users)) = ValidatedJson::from_request(request, &()).await?;
        Ok(Self(users))
    }

    fn quotas(&self) -> Vec<(Limit, Uuid)> {
        self.0.iter().map(|user| (Limit::OneTimeKeysPerUser, *user.as_uuid())).collect()
    }
}

/// The bundles of all devices of one user.
pub struct BundlesOfOne(pub UserId);

impl DirectoryTarget for BundlesOfOne {
    async fn read(request: Request) -> Result<Self, Problem> {
        let [user] = path_ids(request).await?;
        Ok(Self(UserId::from_uuid(user)))
    }

    fn quotas(&self) -> Vec<(Limit, Uuid)> {
        vec![(Limit::OneTimeKeysPerUser, *self.0.as_uuid())]
    }
}
