//! What to run after the database was restored from a backup: `cargo local restore` (ADR 43).
//!
//! Since the backup, clients were given refresh tokens, one-time keys and codes that no row tells of.
//! [`restore`] makes the restored rows safe, and is itself safe to repeat, to run several times at
//! once, and to be killed. The [`trail`] outlived the database: what it tells is done again.

pub mod trail;

use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use thiserror::Error;

use crate::audit::chain::ChainFault;
use crate::cache::CacheError;
use crate::core::Core;
use crate::crypto::IdentityIndex;
use crate::store::StoreError;
use crate::store::restore::ReplayedUser;
use trail::{Loss, Trail};

#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("the database failed")]
    Store(#[from] StoreError),
    #[error("Redis failed")]
    Cache(#[from] CacheError),
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Restored {
    /// When the first run of this restore began.
    pub restored_at: Option<Timestamp>,
    pub accounts: i64,
    pub devices: i64,
    /// Pages of one-time keys that are handed out no more.
    pub pages: i64,
    /// Running verifications that were discarded. None in a cluster, where they end by themselves.
    pub verifications: Option<u64>,
    pub replayed: Replayed,
}

/// What a run did by the trail.
#[derive(Debug, Default)]
pub struct Replayed {
    pub entries: usize,
    pub ended_sessions: usize,
    pub removed_devices: usize,
    /// Their numbers had got new accounts.
    pub released_accounts: usize,
    pub deleted_accounts: usize,
    /// What users had and the restored rows cannot have.
    pub losses: Vec<(UserId, Loss)>,
    /// Chains that do not go on from the restored head. Nothing was done for these users.
    pub faults: Vec<(UserId, ChainFault)>,
}

/// Makes a database safe that went back to `backup_at`. The time of the first run is kept: it must lie
/// before the first request that the restored database serves.
pub async fn restore(
    core: &Core,
    backup_at: Timestamp,
    trail: Option<(&Trail, &IdentityIndex)>,
) -> Result<Restored, RestoreError> {
    let store = &core.store;
    let restored_at = store.record_restore(backup_at, core.clock.now()).await?;
    let mut restored = Restored { restored_at: Some(restored_at), ..Restored::default() };
    // Before the walks: a removed device is not told to upload.
    if let Some((trail, index)) = trail {
        replay(core, trail, index, &mut restored.replayed).await?;
    }
    restored.verifications = core.cache.discard_verifications().await?;
    loop {
        let batch = store.move_restored_accounts(backup_at, restored_at).await?;
        restored.accounts += batch.seen;
        if batch.is_last {
            break;
        }
    }
    loop {
        let batch = store.discard_restored_pages(backup_at, core.clock.now()).await?;
        restored.devices += batch.seen;
        restored.pages += batch.discarded;
        if batch.is_last {
            return Ok(restored);
        }
    }
}

async fn replay(
    core: &Core,
    trail: &Trail,
    index: &IdentityIndex,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    for (user, entries) in trail.users() {
        let plan = |seq, head, sessions: &[_]| trail::plan(seq, head, entries, sessions);
        let of_user =
            core.store.replay_trail(user, plan, index, (core.clock.now(), core.rng)).await?;
        let of_user = match of_user {
            Ok(of_user) => of_user,
            Err(fault) => {
                replayed.faults.push((user, fault));
                continue;
            }
        };
        let ReplayedUser {
            has_account,
            entries: taken,
            ended,
            removed_devices,
            is_released,
            is_deleted,
        } = of_user;
        replayed.entries += taken;
        replayed.ended_sessions += ended.len();
        replayed.removed_devices += removed_devices;
        replayed.released_accounts += usize::from(is_released);
        replayed.deleted_accounts += usize::from(is_deleted);
        if taken > 0 {
            let losses = trail::losses(entries, taken, has_account);
            replayed.losses.extend(losses.into_iter().map(|loss| (user, loss)));
        }
        let ended: Vec<SessionId> = ended;
        core.write_tombstones(user, &ended).await;
    }
    Ok(())
}
