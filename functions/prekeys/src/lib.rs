//! The Signal key directory: devices publish their public keys, senders fetch what they
//! need to begin a session (X3DH, PQXDH) with every device of a user.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/signal/keys/signed-prekey` | rotate the signed prekey |
//! | `POST /auth/v1/signal/keys/prekeys` | replace the unused one-time EC prekeys |
//! | `POST /auth/v1/signal/keys/kyber-prekeys` | replace the unused one-time Kyber prekeys |
//! | `POST /auth/v1/signal/keys/kyber-last-resort` | replace the last-resort Kyber prekey |
//! | `GET /auth/v1/signal/keys/{userId}/devices` | list the devices of a user |
//! | `GET /auth/v1/signal/keys/{userId}/devices/{deviceId}` | fetch the bundle of one device |
//! | `GET /auth/v1/signal/keys/{userId}/bundles` | fetch the bundles of all devices of a user |
//! | `POST /auth/v1/signal/keys/bundles` | the same for several users |
//! | `POST /auth/v1/signal/devices/check` | compare a sender's device list with the stored one |
//! | `POST /auth/v1/signal/keys/check` | compare a device's published keys with its local copy |
//! | `GET /auth/v1/signal/keys/{userId}/devices/{deviceId}/status` | unused keys of one of the caller's devices |
//! | `GET /auth/v1/signal/keys/recommendations` | which keys this device should upload |
//! | `GET /auth/v1/signal/health` | the same in the format of older clients |
//! | `DELETE /auth/v1/signal/keys/device/{deviceId}` | delete the keys of one device |
//! | `DELETE /auth/v1/signal/keys` | delete the keys of all devices of the caller |
//!
//! One folder per resource: [`uploads`], [`bundles`], [`devices`], [`supply`]. Each folder has
//! handlers in `routes.rs`, request and response bodies in `wire.rs`, use cases in `flow.rs`.

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
    for resource in [devices::document(), bundles::document(), supply::document()] {
        document.merge(resource);
    }
    document
}
