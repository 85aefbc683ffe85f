//! The function `rotate-keys`: the four steps of a rotation in Secrets Manager, for the signing
//! keys, the peppers and the data keys.
//!
//! | step | what it does |
//! |---|---|
//! | `createSecret` | makes the next set of keys, as a version that nobody uses |
//! | `setSecret` | publishes its public keys, if it has some |
//! | `testSecret` | checks that the set follows the one in use, and is published |
//! | `finishSecret` | puts it in the place of the one in use |
//!
//! Each step may be repeated, and may run for a version alone that is pending. A key is in the set
//! as the next one for a day before it is used, so whoever meets it knows it already. See
//! docs/adr/0039-secrets-arrive-by-themselves.md.

mod error;
mod flow;
mod kind;

pub use error::RotationError;
pub use flow::{RotationEvent, RotationState, Step, handle, rotate};
