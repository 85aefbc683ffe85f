//! Extractors: what a handler's arguments say of the caller, the limits, the body and the
//! ids. A request that reaches the handler is authorized and counted; nothing has to be
//! called afterwards.
//!
//! | file | arguments |
//! |---|---|
//! | [`auth`] | `Caller`, `ChallengeCaller`, `KeyUploadCaller`: a valid access token of a live session |
//! | [`cursor`] | `Cursor`: where a page of a list begins |
//! | [`dpop`] | `Binding`: the key that new tokens are bound to |
//! | [`fresh_proof`] | `FreshCaller`: a young token; with a proof of the number, a `FreshProof`. `ChangeCaller`: the same where the store decides whether the token must be young |
//! | [`directory`] | `DirectoryCaller`: a caller of the key directory, with quotas of one-time keys |
//! | [`rate_limit`] | `RateLimited`: a public request, counted by its address |
//! | [`refresh`] | `VerifiedRefresh`: a valid refresh token, counted by its session |
//! | [`json`] | `ValidatedJson`: a checked body |
//! | `json_object` | objects within a body, without repeated fields |
//! | [`path`] | `PathIds`: the ids in a path |
//!
//! The order of a handler's arguments is the order of refusals: limits and callers first
//! (429, 401), then ids and bodies (400, 422).

pub mod auth;
pub mod cursor;
pub mod directory;
pub mod dpop;
pub mod fresh_proof;
pub mod json;
mod json_object;
pub mod path;
pub mod rate_limit;
pub mod refresh;

pub use auth::{Caller, ChallengeCaller, KeyUploadCaller};
pub use cursor::Cursor;
pub use directory::DirectoryCaller;
pub use dpop::Binding;
pub use fresh_proof::{ChangeCaller, FreshCaller};
pub use json::ValidatedJson;
pub use json_object::JsonObject;
pub use path::PathIds;
pub use rate_limit::RateLimited;
pub use refresh::VerifiedRefresh;
