//! What a caller asks of the directory.

use axum::extract::Request;
use domain::ids::{DeviceId, UserId};
use shared::http::extract::directory::DirectoryTarget;
use shared::http::problem::Problem;

use crate::target::path_ids;

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
