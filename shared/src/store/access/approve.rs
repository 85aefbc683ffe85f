//! Approves that another device joins: the decision, and the state of the account that the approval
//! holds for. Nothing of it is stored here. The session is made later, at delivery, which compares
//! that state.

use domain::access::Action;
use domain::ids::UserId;
use domain::principal::Principal;
use domain::time::Timestamp;
use tokio_postgres::types::Type;

use super::authorize::{Change, authorize_change};
use super::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Statement, row_struct};

/// An approval, and what it was given under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub approver: Principal,
    /// A digest of the second factor as it was.
    pub second_factor: String,
}

/// An approval that was just given.
#[derive(Debug)]
pub struct Approved {
    pub approval: Approval,
    /// Whether the verification that the caller showed was needed, and is used.
    pub used_verification: bool,
}

/// An expression over the account `u` that changes with its second factor: enabled, disabled, another
/// secret, another set of backup codes. A code that was used changes nothing.
pub(in crate::store) const SECOND_FACTOR_STATE: &str =
    "encode(sha256(convert_to(concat_ws(' ', u.two_factor_enabled, encode(u.two_factor_secret, 'hex'),
            (SELECT min(b.id::text) FROM auth.backup_codes b WHERE b.user_id = u.id)), 'UTF8')), 'hex')";

static READ_SECOND_FACTOR_STATE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT {SECOND_FACTOR_STATE} AS second_factor FROM auth.users_auth u WHERE u.id = :user"
    );
    Statement::new("read_second_factor_state", &sql, [("user", Type::UUID)])
});

row_struct! {
    struct SecondFactorStateRow { second_factor: String }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&READ_SECOND_FACTOR_STATE];

impl Store {
    /// Decides whether the caller may let another device in, and consumes what it showed.
    pub async fn approve_device(
        &self,
        proof: &FreshProof,
        now: Timestamp,
    ) -> Result<Result<Approved, AccessDenied>, StoreError> {
        let approver = proof.principal();
        let of_user = &[("user", UserId::as_uuid(&approver.user) as _)];
        let change = Change::Account(&[Action::ApproveDevice]);
        self.transaction("approve_device", async |transaction| {
            let used_verification = match authorize_change(&transaction, proof, change, now).await?
            {
                Ok(allowed) => allowed.is_none_or(|allowed| allowed.used_verification),
                Err(denied) => return transaction.rollback(Err(denied)).await,
            };
            let state: SecondFactorStateRow =
                transaction.fetch_one(&READ_SECOND_FACTOR_STATE, of_user).await?;
            let approval = Approval { approver, second_factor: state.second_factor };
            transaction.commit(Ok(Approved { approval, used_verification })).await
        })
        .await
    }
}
