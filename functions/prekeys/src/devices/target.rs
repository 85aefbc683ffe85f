//! What a caller asks of the directory.

use axum::extract::Request;
use domain::ids::UserId;
use shared::http::extract::directory::DirectoryTarget;
use shared::http::problem::Problem;

use crate::target::path_ids;

/// The device list of a user.
pub struct DeviceListOf(pub UserId);

impl DirectoryTarget for DeviceListOf {
    async fn read(request: Request) -> Result<Self, Problem> {
        let [user] = path_ids(request).await?;
        Ok(Self(UserId::from_uuid(user)))
    }
}
