//! Who may change an account: the states that `domain::access` decides by, read under the lock of
//! the account, in the transaction that makes the change.
//!
//! | file | what it does |
//! |---|---|
//! | [`proof`] | what a caller shows beside its token |
//! | [`authorize`] | asks for the decision, and consumes what was shown |
//! | [`approve`] | approves that another device joins |
//! | [`second_factor`] | spends a code of the second factor |

pub mod approve;
pub mod authorize;
pub mod proof;
pub mod second_factor;

pub use approve::{Approval, Approved};
pub use authorize::AccessDenied;
pub use proof::{FreshProof, PROOF_TTL};
pub use second_factor::SecondFactorClaim;
