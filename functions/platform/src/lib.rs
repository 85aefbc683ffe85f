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

mod docs;
mod inbox;
mod routes;
mod state;
mod unknown;

pub use docs::openapi;
pub use inbox::dev_router;
pub use routes::{document, router};
pub use state::{PlatformState, SECRETS};
pub use unknown::unknown_route;
