//! Migrates the database before new code takes traffic. The SQL files are part of the binary.
//!
//! | event | what it does | answer |
//! |---|---|---|
//! | a custom resource of CloudFormation: `Create`, `Update` | migrates | a PUT to the event's `ResponseURL` |
//! | the same: `Delete` | nothing: tables outlive a stack | the same |
//! | `{"task": "migrate"}` | migrates | `{"applied": […], "pending": []}` |
//! | `{"task": "status"}` | nothing | the same, with what is pending |
//!
//! It refuses a database that it does not know, and changes nothing there: one whose schema `auth`
//! has tables but no history, and one whose applied migrations were edited or are missing here.
//! Later ones than its own are accepted: a rollback deploys the release before, which runs on them.
//! Two runs at once wait for each other. A run that was killed is repeated.
//!
//! With `DATABASE_FUNCTIONS_ROLE`, it creates the role that the functions log in with.
//! docs/adr/0044-a-custom-resource-migrates.md says why it is a custom resource.

mod cloud_formation;
mod error;
mod flow;
mod state;
mod wire;

pub use flow::{answer, handle};
pub use state::{MigrateState, SECRETS};
pub use wire::{MigrateAnswer, MigrateEvent};
