//! The Signal key directory: devices publish their public keys, senders fetch what they
//! need to begin a session (X3DH, PQXDH) with every device of a user.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/signal/keys/signed-prekey` | rotate the signed prekey |
//! | `POST /auth/v1/signal/keys/prekeys` | replace the one-time keys |
//! | `POST /auth/v1/signal/keys/kyber-prekeys` | replace the one-time Kyber keys |
//! | `POST /auth/v1/signal/keys/kyber-last-resort` | replace the Kyber key of last resort |
//! | `GET /auth/v1/signal/keys/{userId}/devices` | the devices of a user |
//! | `GET /auth/v1/signal/keys/{userId}/devices/{deviceId}` | the bundle of one device |
//! | `GET /auth/v1/signal/keys/{userId}/bundles` | the bundles of all devices of a user |
//! | `POST /auth/v1/signal/keys/bundles` | the same of several users |
//! | `POST /auth/v1/signal/devices/check` | compare a sender's list of devices |
//! | `POST /auth/v1/signal/keys/check` | compare a device's lasting keys |
//! | `GET /auth/v1/signal/keys/{userId}/devices/{deviceId}/status` | what an own device has left |
//! | `GET /auth/v1/signal/keys/recommendations` | what this device should upload |
//! | `GET /auth/v1/signal/health` | the same, as shipped clients ask it |
//! | `DELETE /auth/v1/signal/keys/device/{deviceId}` | take an own device's keys out |
//! | `DELETE /auth/v1/signal/keys` | take the keys of all own devices out |
//!
//! A folder for each resource: [`uploads`], [`bundles`], [`devices`], [`supply`]. Each has its
//! handlers in `routes.rs`, its bodies in `wire.rs`, its use cases in `flow.rs`.

mod bundles;
mod devices;
mod state;
mod supply;
mod target;
mod uploads;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use state::{PrekeysState, SECRETS};

pub fn router() -> Router<PrekeysState> {
    uploads::endpoints()
        .merge(bundles::endpoints())
        .merge(devices::endpoints())
        .merge(supply::endpoints())
}

/// The OpenAPI document of these endpoints alone.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = uploads::document();
    for resource in [bundles::document(), devices::document(), supply::document()] {
        document.merge(resource);
    }
    document
}
