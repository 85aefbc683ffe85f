//! What a caller of the directory asks for, each with the quotas of one-time keys that it
//! takes.

use axum::extract::{FromRequest as _, FromRequestParts as _, Request};
use domain::ids::{DeviceId, UserId};
use shared::http::extract::directory::DirectoryTarget;
use shared::http::extract::{PathIds, ValidatedJson};
use shared::http::problem::Problem;
use shared::limits::Limit;
use uuid::Uuid;

use crate::wire::Users;

/// The device list of a user.
pub struct DeviceListOf(pub UserId);

impl DirectoryTarget for DeviceListOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let [user] = path_ids(request).await?;
        Ok(Self(UserId::from_uuid(user)))
    }
}

/// The supply of one device.
pub struct StatusOf {
    pub user: UserId,
    pub device: DeviceId,
}

impl DirectoryTarget for StatusOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let [user, device] = path_ids(request).await?;
        Ok(Self { user: UserId::from_uuid(user), device: DeviceId::from_uuid(device) })
    }
}

/// The bundle of one device.
pub struct BundleOf {
    pub user: UserId,
    pub device: DeviceId,
}

impl DirectoryTarget for BundleOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let StatusOf { user, device } = StatusOf::read(request).await?;
        Ok(Self { user, device })
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
        let DeviceListOf(user) = DeviceListOf::read(request).await?;
        Ok(Self(user))
    }

    fn quotas(&self) -> Vec<(Limit, Uuid)> {
        vec![(Limit::OneTimeKeysPerUser, *self.0.as_uuid())]
    }
}

async fn path_ids<const N: usize>(request: Request) -> Result<[Uuid; N], Problem> {
    let (mut parts, _) = request.into_parts();
    let PathIds(ids) = PathIds::from_request_parts(&mut parts, &()).await?;
    Ok(ids)
}
