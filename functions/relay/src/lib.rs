//! Delivers the events of the outbox: [`shared::relay`] after commits and on a schedule.
//!
//! | event | what it does |
//! |---|---|
//! | `{"task":"relay"}` | delivers what waits: functions invoke it after a commit |
//! | `{"task":"scheduled"}`, or a schedule's own event | the same, and enters what was counted by the hour, measures, and publishes the root of the audit chains |
//! | `{"task":"verify_log","userId":…}` | walks a user's chain in the append-only log |
//!
//! A scheduled run asks Redis first. If nothing has happened since a relay found the outbox empty, it
//! leaves the database alone, for up to a day.

mod events;
mod flow;
mod state;

pub use events::{LogVerified, RelayAnswer, RelayEvent, RelayReport};
pub use flow::handle;
pub use state::{RelayState, SECRETS};
