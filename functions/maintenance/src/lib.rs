//! Cleans up and measures, once a day: [`shared::maintenance`] on a schedule.
//!
//! | event | answer |
//! |---|---|
//! | any: the schedule's, or one of an operator | how much was deleted and encrypted anew |
//!
//! A run ends by itself after `MAINTENANCE_SECONDS`, and the next one goes on. So does one after a
//! run that was cut off. An invocation fails if a part of it failed; the other parts have run.

mod flow;
mod state;

pub use flow::{MaintenanceAnswer, MaintenanceEvent, handle};
pub use state::{MaintenanceState, SECRETS};
