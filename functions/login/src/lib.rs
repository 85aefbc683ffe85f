//! Register, log in, log out.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/register` | create an account from a confirmed verification |
//! | `POST /auth/v1/login` | create a session of an existing account |
//! | `POST /auth/v1/logout` | end the session of this, or another own, device |
//! | `POST /auth/v1/logout/all` | end every session |

mod flow;
mod routes;
mod state;
mod wire;

pub use routes::{document, router};
pub use state::{LoginState, SECRETS};
