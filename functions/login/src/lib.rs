//! Registering, logging in, logging out.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/register` | make an account from a confirmed verification |
//! | `POST /auth/v1/login` | complete_login a session of an existing account |
//! | `POST /auth/v1/logout` | end the session of this, or another own, device |
//! | `POST /auth/v1/logout/all` | end every session |

mod flow;
mod routes;
mod state;
mod wire;

pub use routes::{document, router};
pub use state::{LoginState, SECRETS};
