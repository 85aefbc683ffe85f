//! Devices of an account in requests and answers.

use domain::device::{DeviceType, Fingerprint};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::json::ValidationErrors;
use crate::clock::date_time;
use crate::store::login::ReplaceableDevice;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceType)]
#[serde(rename_all = "lowercase")]
pub enum DeviceTypeBody {
    Ios,
    Android,
    Web,
    Desktop,
}

impl From<DeviceType> for DeviceTypeBody {
    fn from(kind: DeviceType) -> Self {
        match kind {
            DeviceType::Ios => Self::Ios,
            DeviceType::Android => Self::Android,
            DeviceType::Web => Self::Web,
            DeviceType::Desktop => Self::Desktop,
        }
    }
}

/// The client's own id of its device, under either name.
pub fn fingerprint(
    device: Option<String>,
    installation: Option<String>,
    errors: &mut ValidationErrors,
) -> Option<Fingerprint> {
    let device = errors.optional("deviceId", device, Fingerprint::parse);
    let installation = errors.optional("installationId", installation, Fingerprint::parse);
    installation.or(device)
}

/// A device of an account that has as many as it may have.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReplaceableDevice)]
pub struct ReplaceableDeviceBody {
    id: Uuid,
    device_name: String,
    device_type: DeviceTypeBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    /// The last log-in or refresh.
    #[schema(format = DateTime)]
    last_active: String,
    #[schema(format = DateTime)]
    created_at: String,
    is_verified: bool,
    /// Whether it is logged in.
    is_active: bool,
    /// Whether this log-in may replace it.
    replaceable: bool,
}

impl From<ReplaceableDevice> for ReplaceableDeviceBody {
    fn from(ReplaceableDevice { device, is_replaceable }: ReplaceableDevice) -> Self {
        Self {
            id: *device.id.as_uuid(),
            device_name: device.name,
            device_type: device.kind.into(),
            model: device.model,
            os_version: device.os_version,
            app_version: device.app_version,
            last_active: date_time(device.last_active),
            created_at: date_time(device.created_at),
            is_verified: device.is_verified,
            is_active: device.is_active,
            replaceable: is_replaceable,
        }
    }
}
