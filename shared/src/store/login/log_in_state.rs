//! What the decision about a log-in depends on, read under the lock of the account.

use domain::access::{
    EarlierToken, LogInAccount, LogInDecision, LogInShown, MAX_DEVICES, decide_log_in,
};
use domain::ids::{DeviceId, SessionId, UserId};
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::new_login::{NewLogin, ProvenNumber};
use crate::store::error::StoreError;
use crate::store::keys::publish::IS_DEVICE;
use crate::store::second_factor::reset_at::RESET_AT;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// How often the number may move to another account while a log-in waits for the lock of one.
const MAX_MOVES: usize = 4;

static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account",
        "SELECT id FROM auth.users_auth WHERE phone_number = :phone FOR NO KEY UPDATE",
        [("phone", Type::TEXT)],
    )
});

row_struct! {
    struct LockedAccountRow { id: Uuid }
}

/// Whether the session of an earlier token counts: these reasons say that someone else may hold
/// its tokens, or that they were to mean nothing any more.
pub(super) const COUNTS: &str = "coalesce(s.revoked_for NOT IN
    ('logout_all', 'refresh_reused', 'device_removed', 'second_factor_changed'), true)";

/// What the decision about a log-in depends on: a statement of its own behind the lock, so that it
/// sees what was committed while it waited.
static READ_LOG_IN_STATE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.two_factor_enabled, {RESET_AT} AS reset_at,
                u.recovery_code_hash IS NOT NULL AS has_registration_lock,
                u.log_ins_stopped_since,
                coalesce(u.recovery_code_hash = :recovery, false) AS shows_recovery_code,
                greatest(u.last_authenticated_at, -- an account may have removed its last device
                  (SELECT max(greatest(d.last_active,
                            (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id)))
                     FROM auth.devices d WHERE d.user_id = u.id)) AS last_active,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                EXISTS (SELECT FROM auth.devices d WHERE d.user_id = u.id AND {device})
                  AS has_device,
                s.id IS NOT NULL AS has_earlier_token,
                coalesce((SELECT d.id = s.device_id FROM auth.devices d
                  WHERE d.user_id = u.id AND {device}), false) AS is_of_this_device
           FROM auth.users_auth u
           LEFT JOIN auth.sessions s
             ON s.id = :previous_session AND s.user_id = u.id AND {COUNTS}
          WHERE u.phone_number = :phone",
        device = IS_DEVICE.replace(":user", "u.id"),
    );
    let types = [
        ("phone", Type::TEXT),
        ("previous_session", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("named_device", Type::UUID),
        ("recovery", Type::BYTEA),
    ];
    Statement::new("read_log_in_state", &sql, types)
});

row_struct! {
    pub(super) struct LogInStateRow {
        two_factor_enabled: bool,
        reset_at: Option<SystemTime>,
        has_registration_lock: bool,
        shows_recovery_code: bool,
        log_ins_stopped_since: Option<SystemTime>,
        last_active: Option<SystemTime>,
        devices: i64,
        has_device: bool,
        has_earlier_token: bool,
        is_of_this_device: bool,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_ACCOUNT, &READ_LOG_IN_STATE];

impl LogInStateRow {
    pub(super) fn has_second_factor(&self, now: Timestamp) -> bool {
        is_in_force(self.two_factor_enabled, self.reset_at.map(Timestamp::from), now)
    }

    /// Whether the log-in would add a device to an account that has as many as it may have.
    pub(super) fn is_full(&self) -> bool {
        !self.has_device && usize::try_from(self.devices).is_ok_and(|count| count >= MAX_DEVICES)
    }

    pub(super) fn decide(&self, login: &NewLogin, number: &ProvenNumber) -> LogInDecision {
        let account = LogInAccount {
            has_second_factor: self.has_second_factor(login.now),
            has_registration_lock: self.has_registration_lock,
            last_active: self.last_active.map(Timestamp::from),
            stopped_since: self.log_ins_stopped_since.map(Timestamp::from),
        };
        let earlier_token = match (self.has_earlier_token, self.is_of_this_device) {
            (true, true) => EarlierToken::OfThisDevice,
            (true, false) => EarlierToken::OfAccount,
            (false, _) => EarlierToken::None,
        };
        let shown = LogInShown {
            earlier_token,
            second_factor: login.second_factor.is_some(),
            recovery_code: self.shows_recovery_code,
            start_over: number.start_over.is_some(),
        };
        decide_log_in(&account, shown, &number.policy, login.now)
    }
}

/// Locks the account of the number, and reads its state. None if the number has no account.
pub(super) async fn lock_and_read(
    transaction: &Transaction<'_>,
    login: &NewLogin,
    number: &ProvenNumber,
) -> Result<Option<(UserId, LogInStateRow)>, StoreError> {
    let phone = number.phone.as_e164();
    let named_device = login.named_device.as_ref().map(DeviceId::as_uuid);
    let previous_session = login.previous_session.as_ref().map(SessionId::as_uuid);
    let recovery = number.recovery_code.as_ref().map(<[u8; 32]>::as_slice);
    let lock: &[Parameter<'_>] = &[("phone", &phone)];
    let of_log_in: &[Parameter<'_>] = &[
        ("phone", &phone),
        ("previous_session", &previous_session),
        ("fingerprint", &login.details.fingerprint),
        ("named_device", &named_device),
        ("recovery", &recovery),
    ];
    for _ in 0..MAX_MOVES {
        let (account, state) = tokio::join!(
            biased;
            transaction.fetch_optional::<LockedAccountRow>(&LOCK_ACCOUNT, lock),
            transaction.fetch_optional::<LogInStateRow>(&READ_LOG_IN_STATE, of_log_in),
        );
        match (account?, state?) {
            (Some(account), Some(state)) => {
                return Ok(Some((UserId::from_uuid(account.id), state)));
            }
            (_, None) => return Ok(None),
            // The account that it waited for lost the number, and another has it now.
            (None, Some(_)) => {}
        }
    }
    Ok(None)
}
