//! What a user reads and changes of its own account.
//!
//! | file | what it does |
//! |---|---|
//! | [`read`] | the account, and what an export has that no other list has |
//! | [`phone`] | changes the number |
//! | [`lock`] | sets and removes the registration lock |
//! | [`delete`] | deletes the account |
//! | [`undo`] | takes back changes of second factor, lock and number |

pub(super) mod delete;
pub(super) mod lock;
pub(super) mod phone;
pub(super) mod read;
pub(super) mod undo;

pub use delete::DeletedAccount;
pub use phone::{NewPhone, PhoneChange};
pub use read::{AccountOverview, ExportedKeys, ExportedSession};
pub use undo::{Undo, UndoOutcome};
