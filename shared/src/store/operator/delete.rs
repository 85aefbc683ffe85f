//! Deletes an account, as its user would.

use super::call::{Claim, OperatorCall, OperatorChange, OperatorRefusal, claim, commit};
use crate::crypto::IdentityIndex;
use crate::store::account::delete::delete;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::keys::retired::proven_identities;

impl Store {
    /// Deletes an account. What the call did is kept without anything that tells of a person.
    pub async fn delete_account_by_operator(
        &self,
        call: &OperatorCall,
        index: &IdentityIndex,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        self.transaction("delete_account_by_operator", async |transaction| {
            match claim(&transaction, call).await? {
                Claim::Answered(answer) => return transaction.rollback(answer).await,
                Claim::New(_) => {}
            }
            let digests = proven_identities(&transaction, call.user, index).await?;
            let deleted = delete(&transaction, call.user, &digests, call.now, &call.audit).await?;
            let Some(deleted) = deleted else {
                return transaction.rollback(Err(OperatorRefusal::UserNotFound)).await;
            };
            let change = OperatorChange {
                ended_sessions: i32::try_from(deleted.ended.len()).unwrap_or(i32::MAX),
                effective_at: None,
                tombstones: deleted.ended,
                deleted_sessions: deleted.sessions,
            };
            commit(transaction, call, change).await
        })
        .await
    }
}
