//! The use cases: one page of each list.

use domain::principal::Principal;
use shared::http::extract::cursor::next_cursor;
use shared::http::problem::Problem;
use shared::store::devices::LogInPosition;

use super::wire::{EventCursor, LogInCursor, LoginHistory, SecurityEvents};
use crate::state::DevicesState;

/// Entries of a page.
const PAGE: usize = 50;
/// One more tells whether there is a next page.
const MOST: i64 = 51;

/// The log-ins of the caller's account.
pub async fn log_ins(
    state: &DevicesState,
    principal: Principal,
    cursor: Option<LogInCursor>,
) -> Result<LoginHistory, Problem> {
    let before = cursor.map_or(LogInPosition::END, |LogInCursor(position)| position);
    let mut entries = state.core.store.list_log_ins(principal.user, before, MOST).await?;
    let has_more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let next = entries.last().filter(|_| has_more);
    Ok(LoginHistory {
        next_cursor: next.map(|entry| next_cursor(&LogInCursor(entry.position))),
        entries: entries.into_iter().map(Into::into).collect(),
    })
}

/// The security events of the caller's account.
pub async fn security_events(
    state: &DevicesState,
    principal: Principal,
    cursor: Option<EventCursor>,
) -> Result<SecurityEvents, Problem> {
    let before = cursor.map_or(i64::MAX, |EventCursor(seq)| seq);
    let mut entries = state.core.store.list_security_events(principal.user, before, MOST).await?;
    let has_more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let next = entries.last().filter(|_| has_more);
    Ok(SecurityEvents {
        next_cursor: next.map(|entry| next_cursor(&EventCursor(entry.seq))),
        entries: entries.into_iter().map(Into::into).collect(),
    })
}
