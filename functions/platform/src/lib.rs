//! What is no endpoint group of its own: keys, health, documentation, metrics, and every
//! request that nothing else answers.
//!
//! | route | operation |
//! |---|---|
//! | `GET /auth/.well-known/jwks.json` | the keys that verify our tokens |
//! | `GET /auth/swagger` (and its files) | the documentation, to read and try |
//! | `GET /auth/swagger-json` | the documentation, as OpenAPI 3.1 |
//! | `GET /auth/v1/health`, `/live`, `/ready` | for load balancers and monitors |
//! | `GET /metrics` | counters and latencies of all functions |
//! | `$default` | 404 and 405 |
//!
//! Only on a laptop: `GET /dev/inbox` ([`dev_router`]), the codes that were "sent".

mod documentation;
mod health;
mod inbox;
mod jwks;
mod metrics;
mod page;
mod state;
mod unknown;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use documentation::openapi;
pub use inbox::dev_router;
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
