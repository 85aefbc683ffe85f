//! JWKS, health, documentation and metrics, and the fall-back for unknown routes.
//!
//! | route | operation |
//! |---|---|
//! | `GET /auth/.well-known/jwks.json` | the public keys that verify the tokens |
//! | `GET /auth/swagger` (and its files) | Swagger UI |
//! | `GET /auth/swagger-json` | the OpenAPI 3.1 document |
//! | `GET /auth/v1/health`, `/live`, `/ready` | health checks for load balancers and monitors |
//! | `GET /metrics` | counters and latency histograms of all functions |
//! | `$default` | 404 and 405 |
//! Only on a laptop ([`dev_router`]): `GET /dev`, a page to try the service with, and
//! `GET /dev/inbox`, the codes that were "sent".

mod dev;
mod documentation;
mod health;
mod jwks;
mod metrics;
mod page;
mod state;
mod unknown;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use dev::dev_router;
pub use documentation::openapi;
pub use state::{PlatformState, SECRETS};
pub use unknown::unknown_route;

pub fn router() -> Router<PlatformState> {
    jwks::endpoints()
        .merge(documentation::router())
        .merge(health::endpoints())
        .merge(metrics::endpoints())
        .fallback(unknown_route)
}

/// The OpenAPI document of these endpoints alone.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = jwks::document();
    for resource in [documentation::document(), health::document(), metrics::document()] {
        document.merge(resource);
    }
    document
}
