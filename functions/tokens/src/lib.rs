//! Exchange and issue tokens of a session.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/tokens/refresh` | exchange a refresh token |
//! | `POST /auth/v1/tokens/ws-token` | a token that opens one web socket |

mod flow;
mod routes;
mod state;
mod wire;

pub use routes::{document, router};
pub use state::{SECRETS, TokensState};
