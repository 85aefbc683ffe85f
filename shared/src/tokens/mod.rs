//! Tokens: ES256 JWTs (RFC 7515, 7518, 7519) and the keys behind them.
//!
//! Three kinds, different in `typ` *and* in audience, so that none is accepted as another:
//! access (`at+jwt`, RFC 9068), refresh (`rt+jwt`, for this service alone) and
//! web-socket (`ws+jwt`).
//!
//! | file | what it holds |
//! |---|---|
//! | [`issue`] | the private signing keys: for the functions that issue tokens alone |
//! | [`verify`] | verification, with public keys |
//! | `key_set` | the private keys as they are stored, and their rotation |
//! | [`jwks`] | public keys and their published form (RFC 7517, 7638) |
//! | [`dpop`] | proofs of possession of the key that a token is bound to (RFC 9449) |
//! | `claims` | what each kind of token says |

mod claims;
pub mod dpop;
pub mod issue;
pub mod jwks;
mod key_set;
pub mod verify;

pub use issue::{SigningKeys, TokenIssuer};
pub use jwks::PublicKeys;
pub use key_set::{new_jwt_keys, rotate_jwt_keys};
pub use verify::TokenVerifier;

use std::time::Duration;
use thiserror::Error;

/// Lifetime of a web-socket token: long enough to open one connection.
pub const WS_TOKEN_TTL: Duration = Duration::from_mins(1);

/// Why a token is refused. The caller learns only "expired" or "invalid".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("a token cannot be signed")]
    SigningFailed,
}
