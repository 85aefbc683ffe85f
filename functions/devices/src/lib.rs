//! The devices of an account, and what its user is told of log-ins and security events.
//!
//! | route | operation |
//! |---|---|
//! | `GET /auth/v1/device` | list the devices of the caller |
//! | `GET /auth/v1/device/{deviceId}` | get one of them |
//! | `PATCH /auth/v1/device/{deviceId}` | change its name or push tokens |
//! | `DELETE /auth/v1/device/{deviceId}` | remove it with its sessions and keys |
//! | `POST /auth/v1/qr-code/challenge/{id}` | get a challenge to show as a QR code |
//! | `POST /auth/v1/qr-code/scan` | scan it on a new device |
//! | `GET /auth/v1/qr-code/challenge/{id}` | get who has scanned it |
//! | `POST /auth/v1/qr-code/challenge/{id}/approve`, `…/deny` | let that device in, or not |
//! | `POST /auth/v1/qr-code/scan/{scanId}` | log in on the new device, once it is let in |
//! | `POST /auth/v1/qr-code/link` | get a link to show as a QR code on a new device |
//! | `GET /auth/v1/qr-code/link/{linkId}` | get the device that shows it |
//! | `POST /auth/v1/qr-code/link/{linkId}/approve`, `…/deny` | let that device in, or not |
//! | `POST /auth/v1/qr-code/link/{linkId}` | log in on the new device, once it is let in |
//! | `GET /auth/v1/login-history` | list the log-ins of the account |
//! | `GET /auth/v1/security-events` | list the security events of the account |
//!
//! One folder per resource: [`device`], [`qr_challenge`], [`qr_link`] and [`history`]; [`qr`] is what both
//! kinds of QR log-in share. Each folder has handlers in `routes.rs`,
//! request and response bodies in `wire.rs`, use cases in `flow.rs`.

mod device;
mod history;
mod qr;
mod qr_challenge;
mod qr_link;
mod state;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use state::{DevicesState, SECRETS};

pub fn router() -> Router<DevicesState> {
    device::endpoints()
        .merge(qr_challenge::endpoints())
        .merge(qr_link::endpoints())
        .merge(history::endpoints())
}

/// The OpenAPI document of these endpoints alone.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = device::document();
    document.merge(qr_challenge::document());
    document.merge(qr_link::document());
    document.merge(history::document());
    document
}
