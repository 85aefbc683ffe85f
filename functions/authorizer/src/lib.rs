//! A Lambda authorizer: APIs of other services accept the access tokens of this one. API Gateway
//! asks it before each request of an HTTP API (payload format 2.0, simple response).
//!
//! | event | answer |
//! |---|---|
//! | a request with `Authorization: Bearer …` of a live session | `isAuthorized: true`, and `userId`, `deviceId`, `sessionId`, `scope`, `exp` as context |
//! | any other request | `isAuthorized: false`: the gateway answers 403 |
//! | neither Redis nor Postgres answers | the invocation fails: the gateway answers 500 |
//!
//! It holds public keys alone. docs/integration.md says how another API uses it, and how soon a
//! session that has ended is refused.

mod flow;
mod known_tokens;
mod state;
mod wire;

pub use flow::authorize;
pub use state::{AuthorizerState, SECRETS};
pub use wire::{AuthorizerAnswer, AuthorizerContext, AuthorizerRequest};
