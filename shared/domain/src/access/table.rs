//! The rules as tables in Markdown, for docs/security.md: each cell is what the functions decide. A test
//! drives a real log-in for each cell of the first table (`tests/it/account/cells.rs`).

use std::fmt::Write as _;
use std::time::Duration;

use super::{
    AccessRefusal, Action, Actor, Admission, DAY, EarlierToken, Joined, LogInAccount,
    LogInDecision, LogInPolicy, LogInShown, STOPPED_PERIOD, Seniority, Shown, Standing, decide,
    decide_log_in,
};
use crate::time::Timestamp;

/// Far from the epoch; the tables tell differences alone.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const IDLE_DAYS: u32 = 90;

/// What a log-in shows beside the number: the columns. The service cannot tell a new owner of a number,
/// or of a SIM, from the same one, but by what only the same one has.
const LOG_IN_COLUMNS: [(&str, LogInShown); 6] = [
    ("a new owner or the same: the number alone", NOTHING),
    ("and `startOver`", LogInShown { start_over: true, ..NOTHING }),
    (
        "the same owner: an earlier token of this device",
        LogInShown { earlier_token: EarlierToken::OfThisDevice, ..NOTHING },
    ),
    (
        "an earlier token of another device",
        LogInShown { earlier_token: EarlierToken::OfAccount, ..NOTHING },
    ),
    ("the second factor", LogInShown { second_factor: true, ..NOTHING }),
    ("the recovery code", LogInShown { recovery_code: true, ..NOTHING }),
];

const NOTHING: LogInShown = LogInShown {
    earlier_token: EarlierToken::None,
    second_factor: false,
    recovery_code: false,
    start_over: false,
};

/// When the devices of an account were last active, in days before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    pub phone: u32,
    /// Of a second device, which is linked to the account.
    pub linked_device: Option<u32>,
    /// Whether lock or second factor stop log-ins, and no device has proven the number since.
    pub is_stopped: bool,
}

const ACTIVITIES: [(&str, Activity); 6] = [
    ("yesterday", Activity { phone: 1, linked_device: None, is_stopped: false }),
    (
        "100 days ago, a linked device yesterday",
        Activity { phone: 100, linked_device: Some(1), is_stopped: false },
    ),
    ("30 days ago", Activity { phone: 30, linked_device: None, is_stopped: false }),
    ("100 days ago", Activity { phone: 100, linked_device: None, is_stopped: false }),
    (
        "100 days ago, a linked device too",
        Activity { phone: 100, linked_device: Some(100), is_stopped: false },
    ),
    (
        "yesterday, log-ins stopped for 30 days",
        Activity { phone: 1, linked_device: None, is_stopped: true },
    ),
];

/// One log-in: to this account, with that.
#[derive(Clone, Copy, Debug)]
pub struct LogInCell {
    pub has_second_factor: bool,
    pub has_registration_lock: bool,
    pub activity: Activity,
    pub activity_name: &'static str,
    pub shown: LogInShown,
    pub shown_name: &'static str,
    pub decision: LogInDecision,
}

/// All cells of the table of log-ins, row by row.
#[must_use]
pub fn log_in_cells() -> Vec<LogInCell> {
    let policy = LogInPolicy::new(IDLE_DAYS, false);
    let mut cells = Vec::new();
    for (has_second_factor, has_registration_lock) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        for (activity_name, activity) in ACTIVITIES {
            if activity.is_stopped && !has_second_factor && !has_registration_lock {
                continue;
            }
            let days =
                activity.linked_device.map_or(activity.phone, |days| days.min(activity.phone));
            let account = LogInAccount {
                has_second_factor,
                has_registration_lock,
                last_active: Some(NOW - DAY * days),
                stopped_since: activity.is_stopped.then_some(NOW - STOPPED_PERIOD),
            };
            cells.extend(LOG_IN_COLUMNS.map(|(shown_name, shown)| LogInCell {
                has_second_factor,
                has_registration_lock,
                activity,
                activity_name,
                shown,
                shown_name,
                decision: decide_log_in(&account, shown, &policy, NOW),
            }));
        }
    }
    cells
}

/// What a proven number opens. Whoever has the number and shows the same gets the same.
#[must_use]
pub fn log_in_table() -> String {
    let mut text = String::from("| second factor | registration lock | last active |");
    for (name, _) in LOG_IN_COLUMNS {
        let _ = write!(text, " {name} |");
    }
    text.push('\n');
    text.push_str(&"|---".repeat(LOG_IN_COLUMNS.len() + 3));
    text.push_str("|\n");
    for row in log_in_cells().chunks(LOG_IN_COLUMNS.len()) {
        let on = |is_on| if is_on { "on" } else { "off" };
        for cell in row.iter().take(1) {
            let (factor, lock) = (on(cell.has_second_factor), on(cell.has_registration_lock));
            let _ = write!(text, "| {factor} | {lock} | {} |", cell.activity_name);
        }
        for cell in row {
            let _ = write!(text, " {} |", log_in_cell(cell.decision));
        }
        text.push('\n');
    }
    text
}

fn log_in_cell(decision: LogInDecision) -> String {
    match decision {
        LogInDecision::Admit(Admission { is_known: true, .. }) => "enters, known".to_owned(),
        LogInDecision::Admit(Admission { joined: Joined::BySms, .. }) => {
            "enters, newcomer".to_owned()
        }
        LogInDecision::Admit(_) => "enters".to_owned(),
        LogInDecision::StartOver => "new account".to_owned(),
        LogInDecision::Idle => "`account_idle`".to_owned(),
        LogInDecision::SecondFactorRequired => "`two_factor_required`".to_owned(),
        LogInDecision::RegistrationLocked { lapses_in } => {
            format!("`registration_locked`, {} days", lapses_in.as_secs() / DAY.as_secs())
        }
    }
}

/// What the bearer of a token may do.
#[must_use]
pub fn action_table() -> String {
    let standing = |joined| Standing {
        joined,
        joined_at: NOW - Duration::from_hours(1),
        other_verified_active: Some(NOW - Duration::from_hours(1)),
    };
    let actor = |joined, has_second_factor| Actor {
        standing: standing(joined),
        has_second_factor,
        serves_shipped_clients: false,
    };
    let shown = |young_token, number, second_factor| Shown { young_token, number, second_factor };
    let columns = [
        ("a newcomer, with every proof", actor(Joined::BySms, false), shown(true, true, true)),
        ("others, by a token alone", actor(Joined::Registered, false), shown(false, false, false)),
        ("by a young token", actor(Joined::Registered, false), shown(true, false, false)),
        ("and the number", actor(Joined::Registered, false), shown(true, true, false)),
        (
            "with a second factor on: and the number",
            actor(Joined::Registered, true),
            shown(true, true, false),
        ),
        ("and the second factor", actor(Joined::Registered, true), shown(true, false, true)),
    ];
    let mut text = String::from("| action |");
    for (name, ..) in &columns {
        let _ = write!(text, " {name} |");
    }
    text.push('\n');
    text.push_str(&"|---".repeat(columns.len() + 1));
    text.push_str("|\n");
    for action in Action::ALL {
        let _ = write!(text, "| {} |", action_name(action));
        for (_, actor, shown) in &columns {
            let cell = match decide(action, actor, *shown, NOW) {
                Ok(()) => "yes",
                Err(AccessRefusal::TooNew { .. }) => "`device_too_new`",
                Err(AccessRefusal::FreshProofRequired) => "`fresh_proof_required`",
                Err(AccessRefusal::SecondFactorRequired) => "`two_factor_required`",
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

const fn action_name(action: Action) -> &'static str {
    match action {
        Action::EndSession(Seniority::Own) => "log out",
        Action::EndSession(Seniority::Younger) => "log out a younger device",
        Action::EndSession(Seniority::Older) => "log out an older device",
        Action::RemoveDevice(Seniority::Own) => "remove this device",
        Action::RemoveDevice(Seniority::Younger) => "remove a younger device",
        Action::RemoveDevice(Seniority::Older) => "remove an older device",
        Action::ApproveDevice => "approve a device by QR code",
        Action::EnableSecondFactor => "set up or enable a second factor",
        Action::ChangeSecondFactor => "disable the second factor",
        Action::SetRegistrationLock => "set the registration lock",
        Action::RemoveRegistrationLock => "remove the registration lock",
        Action::DeleteKeys => "delete keys",
        Action::ChangePhone => "change the number",
        Action::DeleteAccount => "delete the account",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_a_cell_for_every_case() {
        for table in [log_in_table(), action_table()] {
            let bars = |line: &str| line.matches('|').count();
            let mut lines = table.lines();
            let first = bars(lines.next().unwrap());
            assert!(lines.clone().count() > 10);
            assert!(lines.all(|line| bars(line) == first), "{table}");
        }
    }
}
