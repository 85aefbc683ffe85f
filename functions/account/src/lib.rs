//! What a user reads and changes of its own account.
//!
//! | route | operation |
//! |---|---|
//! | `GET /auth/v1/account` | an overview |
//! | `GET /auth/v1/account/export` | all data of the account |
//! | `PUT /auth/v1/account/phone-number` | give the account a newly proven number |
//! | `PUT /auth/v1/account/registration-lock` | set the registration lock; get its recovery code |
//! | `DELETE /auth/v1/account/registration-lock` | remove it |
//! | `DELETE /auth/v1/account` | delete the account |
//! | `POST /auth/v1/account/undo` | take back changes that a younger device made |
//!
//! The new number is verified by the function `verify`, the one that sends. [`export`] has its own bodies.

mod export;
mod flow;
mod routes;
mod state;
mod wire;

pub use routes::{document, router};
pub use state::{AccountState, SECRETS};
