//! The tables of docs/security.md that say who may change an account, written by running the rules.

use shared::access_table::{action_table, log_in_table};

const END: &str = "<!-- end -->";

/// The page with its tables replaced; none if it lacks a place for one.
pub fn with_tables(page: &str) -> Option<String> {
    let page = replaced(page, "<!-- generated: log-ins -->", &log_in_table())?;
    replaced(&page, "<!-- generated: actions -->", &action_table())
}

fn replaced(page: &str, begin: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{table}{END}{after}"))
}
