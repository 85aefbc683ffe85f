//! Reads the second factor of an account: secret, last step and backup codes in one statement.

use domain::ids::{SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::reset_at::RESET_AT;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Statement, row_struct};

/// A row for each backup code, at least one for an account.
fn find(name: &'static str, condition: &str, parameter: (&'static str, Type)) -> Statement {
    let sql = format!(
        "SELECT u.id, u.phone_number, u.two_factor_enabled, u.two_factor_secret,
                u.two_factor_last_step, u.two_factor_pending_secret, u.two_factor_pending_session,
                u.two_factor_pending_at, u.recovery_code_hash, {RESET_AT} AS reset_at, b.id AS code, b.selector, b.code_hash, b.pepper, b.used
           FROM auth.users_auth u
           LEFT JOIN auth.backup_codes b ON b.user_id = u.id
          WHERE {condition}"
    );
    Statement::new(name, &sql, [parameter])
}

static FIND_BY_USER: LazyStatement =
    LazyStatement::new(|| find("find_second_factor", "u.id = :user", ("user", Type::UUID)));

static FIND_BY_PHONE: LazyStatement = LazyStatement::new(|| {
    let phone = ("phone", Type::TEXT);
    find("find_second_factor_by_phone", "u.phone_number = :phone", phone)
});

row_struct! {
    struct SecondFactorRow {
        id: Uuid,
        phone_number: Option<String>,
        two_factor_enabled: bool,
        two_factor_secret: Option<Vec<u8>>,
        two_factor_last_step: i64,
        two_factor_pending_secret: Option<Vec<u8>>,
        two_factor_pending_session: Option<Uuid>,
        two_factor_pending_at: Option<SystemTime>,
        recovery_code_hash: Option<Vec<u8>>,
        reset_at: Option<SystemTime>,
        code: Option<Uuid>,
        selector: Option<i16>,
        code_hash: Option<String>,
        pepper: Option<String>,
        used: Option<bool>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&FIND_BY_USER, &FIND_BY_PHONE];

/// A secret that was shown to one session and is not enabled. Encrypted.
#[derive(Clone, Debug)]
pub struct PendingSecret {
    pub secret: Vec<u8>,
    pub session: SessionId,
    pub shown_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct StoredBackupCode {
    pub id: Uuid,
    pub selector: i16,
    pub hash: String,
    /// The id of the pepper of selector and hash.
    pub pepper: String,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct SecondFactorState {
    pub user: UserId,
    pub phone: Option<PhoneNumber>,
    /// Enabled, and not reset.
    pub enabled: bool,
    /// When a reset that an operator asked for takes effect. If that time has come, the second factor is
    /// still to be deleted.
    pub reset_at: Option<Timestamp>,
    /// Encrypted.
    pub secret: Option<Vec<u8>>,
    pub last_step: i64,
    pub pending: Option<PendingSecret>,
    pub backup_codes: Vec<StoredBackupCode>,
    /// Of the registration lock.
    pub recovery_code_hash: Option<Vec<u8>>,
}

impl SecondFactorState {
    /// Whether its reset has taken effect, and is still to be applied.
    #[must_use]
    pub fn is_reset_due(&self, now: Timestamp) -> bool {
        self.reset_at.is_some_and(|at| at <= now)
    }

    #[must_use]
    pub fn remaining_backup_codes(&self) -> usize {
        self.backup_codes.iter().filter(|code| !code.used).count()
    }
}

impl SecondFactorRow {
    fn backup_code(&mut self) -> Option<StoredBackupCode> {
        Some(StoredBackupCode {
            id: self.code?,
            selector: self.selector?,
            hash: self.code_hash.take()?,
            pepper: self.pepper.take()?,
            used: self.used?,
        })
    }

    fn pending(&mut self) -> Option<PendingSecret> {
        Some(PendingSecret {
            secret: self.two_factor_pending_secret.take()?,
            session: SessionId::from_uuid(self.two_factor_pending_session?),
            shown_at: self.two_factor_pending_at?.into(),
        })
    }
}

fn state(mut rows: Vec<SecondFactorRow>, now: Timestamp) -> Option<SecondFactorState> {
    let backup_codes = rows.iter_mut().filter_map(SecondFactorRow::backup_code).collect();
    let mut row = rows.into_iter().next()?;
    let reset_at = row.reset_at.map(Timestamp::from);
    Some(SecondFactorState {
        user: UserId::from_uuid(row.id),
        enabled: is_in_force(row.two_factor_enabled, reset_at, now),
        reset_at,
        pending: row.pending(),
        secret: row.two_factor_secret,
        last_step: row.two_factor_last_step,
        phone: row.phone_number.and_then(|phone| PhoneNumber::from_stored(phone).ok()),
        recovery_code_hash: row.recovery_code_hash,
        backup_codes,
    })
}

impl Store {
    /// The second factor of a user; none if there is no such user.
    pub async fn find_second_factor(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<SecondFactorState>, StoreError> {
        let rows = self.fetch_all(&FIND_BY_USER, &[("user", user.as_uuid())]).await?;
        Ok(state(rows, now))
    }

    /// The same of the account of a number.
    pub async fn find_second_factor_by_phone(
        &self,
        phone: &PhoneNumber,
        now: Timestamp,
    ) -> Result<Option<SecondFactorState>, StoreError> {
        let rows = self.fetch_all(&FIND_BY_PHONE, &[("phone", &phone.as_e164())]).await?;
        Ok(state(rows, now))
    }
}
