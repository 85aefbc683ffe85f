//! The ids in the path of a directory request.

use axum::extract::{FromRequestParts as _, Request};
use shared::http::examples;
use shared::http::extract::PathIds;
use shared::http::problem::Problem;
use utoipa::IntoParams;
use uuid::Uuid;

/// `{userId}` of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `path_ids` reads")]
pub struct UserInPath {
    /// The `userId` that the registration of the user answered.
    #[param(rename = "userId", example = json!(examples::USER_ID))]
    user_id: Uuid,
}

/// `{deviceId}` of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `path_ids` reads")]
pub struct DeviceInPath {
    /// The `deviceId` that the log-in of the device, or the list of the user's devices, answered.
    #[param(rename = "deviceId", example = json!(examples::DEVICE_ID))]
    device_id: Uuid,
}

pub async fn path_ids<const N: usize>(request: Request) -> Result<[Uuid; N], Problem> {
    let (mut parts, _) = request.into_parts();
    let PathIds(ids) = PathIds::from_request_parts(&mut parts, &()).await?;
    Ok(ids)
}
