//! What operators and other services read and change of an account, through the function `internal`.
//! A change is known by the id that its caller drew: it is made once, under that id.
//!
//! | file | what it does |
//! |---|---|
//! | [`read`] | reads an account, and its devices with their push tokens |
//! | `call` | claims the id of a change, and keeps its answer |
//! | `sessions` | ends sessions |
//! | `phone` | gives an account a number: another one, or one again |
//! | `reset` | asks for a reset of the second factor |
//! | `delete` | deletes an account |

pub(super) mod call;
pub(super) mod delete;
pub(super) mod phone;
pub(super) mod read;
pub(super) mod reset;
pub(super) mod sessions;

pub use call::{OperatorCall, OperatorChange, OperatorRefusal};
pub use phone::OperatorPhone;
pub use read::{OperatorAccount, OperatorDevice};
