//! The devices of an account, and what its user is told of log-ins and security events.
//!
//! | route | operation |
//! |---|---|
//! | `GET /auth/v1/device` | list the devices of the caller |
//! | `GET /auth/v1/device/{deviceId}` | get one of them |
//! | `PATCH /auth/v1/device/{deviceId}` | change its name or push tokens |
//! | `DELETE /auth/v1/device/{deviceId}` | remove it with its sessions and keys |
//! | `GET /auth/v1/login-history` | list the log-ins of the account |
//! | `GET /auth/v1/security-events` | list the security events of the account |
//!
//! One folder per resource: [`device`] and [`history`]. Each folder has handlers in `routes.rs`,
//! request and response bodies in `wire.rs`, use cases in `flow.rs`.

mod device;
mod history;
mod state;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use state::{DevicesState, SECRETS};

pub fn router() -> Router<DevicesState> {
    device::endpoints().merge(history::endpoints())
}

/// The OpenAPI document of these endpoints alone.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = device::document();
    document.merge(history::document());
    document
}
