//! Spends a code of the second factor: a time step of TOTP once per account, a backup code once.

use domain::ids::UserId;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement};
use crate::store::transaction::Transaction;

/// A right code, which is not spent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactorClaim {
    /// Of this step and this secret, as it is stored.
    Totp {
        step: i64,
        secret: Vec<u8>,
        /// The same secret under the current data key: it replaces the other.
        renewed: Vec<u8>,
    },
    BackupCode(Uuid),
}

static SPEND_TOTP_STEP: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "spend_totp_step",
        "UPDATE auth.users_auth
            SET two_factor_last_step = :step, two_factor_last_call = :call,
                two_factor_secret = :renewed
          WHERE id = :user AND two_factor_enabled AND two_factor_secret IN (:secret, :renewed)
            AND (two_factor_last_step < :step
                 OR two_factor_last_step = :step AND two_factor_last_call = :call)
         RETURNING 1 AS spent",
        [
            ("user", Type::UUID),
            ("step", Type::INT8),
            ("secret", Type::BYTEA),
            ("renewed", Type::BYTEA),
            ("call", Type::UUID),
        ],
    )
});

static SPEND_BACKUP_CODE: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "spend_backup_code",
        "UPDATE auth.backup_codes SET used = true, used_by = :call
          WHERE id = :code AND user_id = :user AND (NOT used OR used_by = :call)
         RETURNING 1 AS spent",
        [("user", Type::UUID), ("code", Type::UUID), ("call", Type::UUID)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&SPEND_TOTP_STEP, &SPEND_BACKUP_CODE];

/// False if another call has spent the code, or the second factor was changed.
pub(in crate::store) async fn spend(
    transaction: &Transaction<'_>,
    user: UserId,
    claim: &SecondFactorClaim,
    call: &Uuid,
) -> Result<bool, StoreError> {
    let of_user: [Parameter<'_>; 2] = [("user", user.as_uuid()), ("call", call)];
    let spent: Option<()> = match claim {
        SecondFactorClaim::Totp { step, secret, renewed } => {
            let [user, call] = of_user;
            let parameters = [user, call, ("step", step), ("secret", secret), ("renewed", renewed)];
            transaction.fetch_optional(&SPEND_TOTP_STEP, &parameters).await?
        }
        SecondFactorClaim::BackupCode(code) => {
            let [user, call] = of_user;
            let parameters = [user, call, ("code", code)];
            transaction.fetch_optional(&SPEND_BACKUP_CODE, &parameters).await?
        }
    };
    Ok(spent.is_some())
}
