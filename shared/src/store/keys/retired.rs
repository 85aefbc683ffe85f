//! `retired_identities`: digests of the identity keys of accounts that are gone or lost their number.
//! Only keys whose owner proved them: nobody retires the key of somebody else.

use domain::ids::UserId;
use tokio_postgres::types::Type;

use crate::crypto::{IdentityDigest, IdentityIndex};
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Behind the statement that publishes: that one waits for a deletion of the same identity key, and
/// this one sees what the deletion left.
static IS_RETIRED: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_retired_identity",
        "SELECT EXISTS (SELECT FROM auth.retired_identities
                         WHERE digest = :digest AND user_id IS DISTINCT FROM :user) AS is_retired",
        [("digest", Type::BYTEA), ("user", Type::UUID)],
    )
});

row_struct! {
    struct RetiredRow { is_retired: bool }
}

static LIST_PROVEN_IDENTITIES: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "list_proven_identities",
        "SELECT identity FROM auth.identity_keys WHERE user_id = :user AND proven",
        [("user", Type::UUID)],
    )
});

row_struct! {
    struct IdentityRow { identity: Vec<u8> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&IS_RETIRED, &LIST_PROVEN_IDENTITIES];

/// Whether the identity key was that of another account, which is gone.
pub(super) async fn is_retired(
    transaction: &Transaction<'_>,
    user: UserId,
    digest: &IdentityDigest,
) -> Result<bool, StoreError> {
    let digest = digest.as_slice();
    let parameters: &[Parameter<'_>] = &[("digest", &digest), ("user", user.as_uuid())];
    let row: RetiredRow = transaction.fetch_one(&IS_RETIRED, parameters).await?;
    Ok(row.is_retired)
}

/// What is to be retired of an account that is locked.
pub(in crate::store) async fn proven_identities(
    transaction: &Transaction<'_>,
    user: UserId,
    index: &IdentityIndex,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let parameters: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let rows: Vec<IdentityRow> = transaction.fetch_all(&LIST_PROVEN_IDENTITIES, parameters).await?;
    Ok(rows.iter().map(|row| index.digest(&row.identity).to_vec()).collect())
}
