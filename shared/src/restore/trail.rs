//! The security log as it was exported, and what its entries tell that happened since the backup.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;
use uuid::Uuid;

use crate::audit::OPERATOR;
use crate::audit::chain::{ChainEntry, ChainFault, ChainWalk};
use crate::store::restore::{AccountChange, LiveSession, Replaying};

/// Why a line of an export is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TrailError {
    #[error("line {0} is not a JSON object")]
    Json(usize),
    #[error("line {0} has no user, seq, hash and entry")]
    Fields(usize),
}

/// The entries of an export, by user and place.
#[derive(Debug, Default)]
pub struct Trail(BTreeMap<UserId, BTreeMap<i64, ChainEntry>>);

impl Trail {
    /// Reads an export, a JSON object in each line: an item of the log as DynamoDB types it
    /// (`{"user": {"S": …}, "seq": {"N": …}, "hash": {"B": …}, "entry": {"S": …}}`), alone or as an `Item`,
    /// or in plain JSON.
    pub fn read(text: &str) -> Result<Self, TrailError> {
        let mut trail = Self::default();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let line: Value = serde_json::from_str(line).map_err(|_| TrailError::Json(number))?;
            let item = line.get("Item").unwrap_or(&line);
            let (user, entry) = read_item(item).ok_or(TrailError::Fields(number))?;
            trail.insert(user, entry);
        }
        Ok(trail)
    }

    pub fn insert(&mut self, user: UserId, entry: ChainEntry) {
        self.0.entry(user).or_default().insert(entry.seq, entry);
    }

    pub(super) fn users(&self) -> impl Iterator<Item = (UserId, &BTreeMap<i64, ChainEntry>)> {
        self.0.iter().map(|(user, entries)| (*user, entries))
    }
}

/// A field of any of these names, in plain JSON or as DynamoDB types it.
fn field<'v>(item: &'v Value, names: &[&str]) -> Option<&'v Value> {
    let value = names.iter().find_map(|name| item.get(*name))?;
    let typed = value.as_object().filter(|typed| typed.len() == 1);
    typed.and_then(|typed| ["S", "N", "B"].iter().find_map(|kind| typed.get(*kind))).or(Some(value))
}

fn read_item(item: &Value) -> Option<(UserId, ChainEntry)> {
    let user = field(item, &["userId", "user_id", "user"])?.as_str()?;
    let seq = field(item, &["seq"])?;
    let seq = seq.as_i64().or_else(|| seq.as_str()?.parse().ok())?;
    let hash = field(item, &["hash"])?.as_str()?;
    let entry = field(item, &["entry"])?.as_str()?.to_owned();
    let user = UserId::from_uuid(Uuid::try_parse(user).ok()?);
    Some((user, ChainEntry { seq, hash: read_hash(hash)?, entry, personal: None }))
}

/// 64 hexadecimal digits, or base 64.
fn read_hash(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("\\x").unwrap_or(text);
    let hash = if text.len() == 64 && text.is_ascii() {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
        (0..64).step_by(2).map(digit).collect::<Option<Vec<u8>>>()?
    } else {
        BASE64.decode(text).ok()?
    };
    (hash.len() == 32).then_some(hash)
}

/// The entries behind the head of the restored chain, if they go on from it, and what they tell.
pub(super) fn plan(
    seq: i64,
    head: Vec<u8>,
    entries: &BTreeMap<i64, ChainEntry>,
    sessions: &[LiveSession],
) -> Result<Replaying, ChainFault> {
    let mut walk = ChainWalk::after(seq, head);
    let mut planned = Replaying::default();
    let mut ended = BTreeMap::new();
    for entry in entries.range(seq + 1..).map(|(_, entry)| entry) {
        walk.step(entry)?;
        let told = Told::read(&entry.entry);
        told.apply(sessions, &mut planned.change, &mut ended);
        planned.entries.push((entry.clone(), told.at));
    }
    planned.change.ended = ended.into_iter().collect();
    Ok(planned)
}

/// What users had, and what a restored database cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Registered since the backup.
    Account,
    /// The number that the account had last.
    PhoneNumber,
    /// The number that an operator gave to an account that had lost its own.
    RestoredNumber,
    /// The secret of the second factor that was enabled last: the account has none now.
    SecondFactor,
    BackupCodes,
    /// An operator asked for a reset of the second factor, which did not take effect yet.
    ResetRequest,
    RegistrationLock,
    /// Another device took changes back.
    Undo,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "the account was made after the backup, and is lost",
            Self::PhoneNumber => "the number was changed after the backup: set it again",
            Self::RestoredNumber => {
                "the account got a number again after the backup, and has none now: give it one"
            }
            Self::SecondFactor => "the second factor was enabled after the backup, and is off now",
            Self::BackupCodes => "the backup codes were replaced after the backup, and are gone",
            Self::ResetRequest => {
                "a reset of the second factor was asked for after the backup: ask for it again"
            }
            Self::RegistrationLock => {
                "the registration lock was set after the backup, and is off now"
            }
            Self::Undo => "changes were taken back after the backup: look at this account",
        })
    }
}

/// What the last entries, so many, tell that is lost.
pub(super) fn losses(
    entries: &BTreeMap<i64, ChainEntry>,
    taken: usize,
    has_account: bool,
) -> BTreeSet<Loss> {
    let mut losses = BTreeSet::new();
    let skipped = entries.len().saturating_sub(taken);
    let (mut is_deleted, mut is_released) = (false, false);
    for entry in entries.values().skip(skipped) {
        match &*Told::read(&entry.entry).event {
            "phone_changed" => drop(losses.insert(Loss::PhoneNumber)),
            "second_factor_enabled" => drop(losses.insert(Loss::SecondFactor)),
            "second_factor_disabled" | "second_factor_reset" => {
                losses.remove(&Loss::SecondFactor);
                losses.remove(&Loss::BackupCodes);
                losses.remove(&Loss::ResetRequest);
            }
            "second_factor_reset_requested" => drop(losses.insert(Loss::ResetRequest)),
            "second_factor_reset_cancelled" => drop(losses.remove(&Loss::ResetRequest)),
            "backup_codes_replaced" => drop(losses.insert(Loss::BackupCodes)),
            "registration_lock_set" => drop(losses.insert(Loss::RegistrationLock)),
            "registration_lock_removed" => drop(losses.remove(&Loss::RegistrationLock)),
            "change_undone" => {
                losses.remove(&Loss::ResetRequest);
                losses.insert(Loss::Undo);
            }
            "account_deleted" => is_deleted = true,
            "number_released" => is_released = true,
            "account_restored" => {
                is_released = false;
                losses.insert(Loss::RestoredNumber);
            }
            _ => {}
        }
    }
    if losses.contains(&Loss::RestoredNumber) {
        // The account has no number that could be changed.
        losses.remove(&Loss::PhoneNumber);
    }
    if is_deleted || is_released {
        return BTreeSet::new();
    }
    if has_account { losses } else { [Loss::Account].into() }
}

/// What an entry says.
#[derive(Debug)]
struct Told {
    event: String,
    at: Timestamp,
    by_operator: bool,
    session: Option<SessionId>,
    device: Option<DeviceId>,
}

impl Told {
    fn read(entry: &str) -> Self {
        let json: Value = serde_json::from_str(entry).unwrap_or_default();
        let id = |name: &str| json[name].as_str().and_then(|id| Uuid::try_parse(id).ok());
        Self {
            event: json["event"].as_str().unwrap_or_default().to_owned(),
            at: Timestamp::from_millis(json["at"].as_i64().unwrap_or_default()),
            by_operator: json["actor"] == OPERATOR,
            session: id("sessionId").map(SessionId::from_uuid),
            device: id("deviceId").map(DeviceId::from_uuid),
        }
    }

    fn apply(
        &self,
        sessions: &[LiveSession],
        change: &mut AccountChange,
        ended: &mut BTreeMap<SessionId, &'static str>,
    ) {
        let mut end = |reason, matches: &dyn Fn(&LiveSession) -> bool| {
            for session in sessions.iter().filter(|one| one.created_at <= self.at && matches(one)) {
                ended.entry(session.id).or_insert(reason);
            }
        };
        let is_own = |one: &LiveSession| Some(one.id) == self.session;
        match &*self.event {
            "session_ended" => {
                let (reason, session, device) = self.ended();
                end(reason, &|one| {
                    session.is_none_or(|id| one.id == id)
                        && device.is_none_or(|id| one.device == id)
                });
            }
            "refresh_token_reused" => end("refresh_reused", &is_own),
            // Of a newcomer's call only younger devices; nobody knows any more which.
            "all_sessions_ended" => end("logout_all", &|_| true),
            "number_released" => change.releases_number = true,
            "account_restored" => change.is_restored = true,
            "phone_changed" => end("phone_changed", &|one| !is_own(one)),
            "second_factor_enabled" | "second_factor_disabled" => {
                end("second_factor_changed", &|one| !is_own(one));
                change.removes_second_factor = true;
            }
            // Sessions go on: they were made under the second factor.
            "second_factor_reset" => change.removes_second_factor = true,
            "second_factor_reset_cancelled" => change.cancels_reset = true,
            "change_undone" => {
                end("second_factor_changed", &|_| true);
                change.cancels_reset = true;
                // It led back to what was before a younger device changed it, which the backup may hold.
                // A second factor too much can be reset; one too few opens the account.
                change.removes_second_factor = false;
                change.deletes_backup_codes = false;
                change.removes_lock = false;
            }
            "backup_codes_replaced" => change.deletes_backup_codes = true,
            "registration_lock_set" | "registration_lock_removed" => change.removes_lock = true,
            "device_removed" => change.removed_devices.extend(self.device),
            "keys_deleted" => change.deleted_keys.push(self.device),
            "account_deleted" => change.deletes_account = true,
            _ => {}
        }
    }

    /// Which sessions a `session_ended` tells of, and for what they ended: those of this session and of
    /// this device, each if it is named. Where neither is, it may have been any session: all end.
    fn ended(&self) -> (&'static str, Option<SessionId>, Option<DeviceId>) {
        match (self.session, self.device) {
            // An operator's, after which earlier tokens show nothing any more.
            (session, device) if self.by_operator => ("logout_all", session, device),
            (None, None) => ("logout_all", None, None),
            // Users name their own session too when they end those of another device.
            (_, Some(device)) => ("logout", None, Some(device)),
            (session, None) => ("logout", session, None),
        }
    }
}
