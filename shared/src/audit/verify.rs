//! Walks the chains of security events, and reports the first bad place of each.

use domain::ids::UserId;
use uuid::Uuid;

use super::chain::{ChainFault, ChainWalk};
use super::root::Head;
use crate::store::outbox::heads::{HEADS_PAGE, OtherHead};
use crate::store::{Store, StoreError};

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    pub users: u64,
    pub entries: i64,
    /// Of each broken chain the first bad place.
    pub faults: Vec<(UserId, ChainFault)>,
}

/// Verifies the chain of a user, or of all.
pub async fn verify(store: &Store, only: Option<UserId>) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    if let Some(user) = only {
        verify_user(store, user, &mut verified).await?;
        return Ok(verified);
    }
    let mut after = UserId::from_uuid(Uuid::nil());
    loop {
        let users = store.list_chains(after).await?;
        let Some(last) = users.last() else { return Ok(verified) };
        after = *last;
        for user in users {
            verify_user(store, user, &mut verified).await?;
        }
    }
}

/// Which heads of a root are not in their chains any more. What came behind them since is no fault.
pub async fn verify_heads(store: &Store, heads: &[Head]) -> Result<Vec<OtherHead>, StoreError> {
    let mut others = Vec::new();
    for page in heads.chunks(HEADS_PAGE) {
        others.extend(store.find_other_heads(page).await?);
    }
    Ok(others)
}

async fn verify_user(
    store: &Store,
    user: UserId,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    verified.users += 1;
    let mut walk = ChainWalk::default();
    let found = loop {
        let page = store.read_chain(user, walk.seq()).await?;
        let stepped = page.entries.iter().try_for_each(|entry| walk.step(entry));
        if stepped.is_err() {
            break stepped;
        }
        if page.is_last {
            let head = page.head.as_ref().map(|(seq, hash)| (*seq, &hash[..]));
            break walk.end(head, page.has_account);
        }
    };
    verified.entries += walk.seq();
    if let Err(fault) = found {
        verified.faults.push((user, fault));
    }
    Ok(())
}
