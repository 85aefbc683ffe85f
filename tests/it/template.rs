//! template.yaml held against the code: rights and calls, connections and the database's, alarms and
//! the metrics that lines of log hold.

mod alarms;
mod capacity;
mod closed;
pub mod document;
pub mod emf;
mod first_deployment;
mod roles;
