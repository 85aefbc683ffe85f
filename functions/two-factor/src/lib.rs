//! The second factor: TOTP codes of an authenticator app, and backup codes.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/2fa/setup` | get a secret for the app |
//! | `POST /auth/v1/2fa/enable` | enable it with a first code; get backup codes |
//! | `POST /auth/v1/2fa/verify` | show the second factor in this session |
//! | `POST /auth/v1/2fa/disable` | disable it |
//! | `POST /auth/v1/2fa/backup-codes`, `…/backup-codes/regenerate` | get new backup codes |
//! | `POST /auth/v1/2fa/backup-codes/use` | show a backup code in this session |
//! | `GET /auth/v1/2fa/backup-codes/remaining` | how many backup codes are left |
//! | `GET /auth/v1/2fa/status` | whether it is enabled |
//! | `POST /auth/v1/2fa/reset/cancel` | cancel a reset that an operator asked for |
//!
//! How a code is checked is in `shared::second_factor`. Log-ins and fresh proofs ask it too.

mod flow;
mod routes;
mod state;
mod wire;

pub use routes::{document, router};
pub use state::{SECRETS, TwoFactorState};
