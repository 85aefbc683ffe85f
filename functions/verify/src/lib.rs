//! Verifying a phone number by a code.
//!
//! | route | operation |
//! |---|---|
//! | `POST /auth/v1/verify/register/request` | start a verification for a new account |
//! | `POST /auth/v1/verify/login/request` | start a verification for an existing account |
//! | `POST /auth/v1/verify/{verificationId}/resend` | send another code |
//! | `GET /auth/v1/verify/{verificationId}` | where a verification stands |
//! | `POST /auth/v1/verify/register/confirm` | prove the number with the code |
//! | `POST /auth/v1/verify/login/confirm` | the same for a login |
//! | `POST /auth/v1/verify/change-phone/request` | start a verification for a new number of an account |
//! | `POST /auth/v1/verify/change-phone/confirm` | prove that number with the code |
//!
//! The task `send_notice` sends a notice to a number. Only functions with the right to invoke this one
//! can ask for it.

mod feedback;
mod flow;
mod notices;
mod routes;
mod state;
mod tasks;
mod wire;

pub use notices::PhoneNotices;
pub use routes::{document, router};
pub use state::{SECRETS, VerifyState};
pub use tasks::TASKS;
