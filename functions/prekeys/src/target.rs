//! The ids in the path of a directory request.

use axum::extract::{FromRequestParts as _, Request};
use shared::http::extract::PathIds;
use shared::http::problem::Problem;
use uuid::Uuid;

/// Where a caller has the ids of a path from.
pub const USER: &str = "The `userId` that the registration of the user answered.";
pub const DEVICE: &str = "The `deviceId` that the log-in of the device, or the list of the user's \
devices, answered.";

pub async fn path_ids<const N: usize>(request: Request) -> Result<[Uuid; N], Problem> {
    let (mut parts, _) = request.into_parts();
    let PathIds(ids) = PathIds::from_request_parts(&mut parts, &()).await?;
    Ok(ids)
}
