//! The edge of HTTP: what every request meets before and after its handler.
//!
//! | file | what it is |
//! |---|---|
//! | [`context`] | a request as the edge sees it: address, time, id |
//! | [`layers`] | what surrounds every route: span, deadline, headers, log line |
//! | [`origin`] | requests that come through CloudFront, and the address of its viewer |
//! | [`extract`] | callers, limits, bodies and ids, as arguments of handlers |
//! | [`signal_keys`] | Signal keys in a body |
//! | [`login_tokens`] | what a new session is answered with |
//! | [`account_devices`] | devices of an account in an answer |
//! | [`problem`] | every refusal, and the one mapping from errors to answers |
//! | [`openapi`] | routes and their description in the OpenAPI document |
//! | [`examples`] | the values of its examples |

pub mod account_devices;
pub mod context;
pub mod examples;
pub mod extract;
pub mod layers;
pub mod login_tokens;
pub mod openapi;
pub mod origin;
pub mod problem;
pub mod signal_keys;

pub use context::{ClientConnection, RequestContext};
pub use layers::serve;
