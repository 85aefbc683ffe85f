//! What Redis counts of an account, by keys of its hash tag. They all expire by themselves; those of a
//! deleted account go at once. Tombstones stay: they hold the ids of a user and a session that do not
//! exist any more, for 20 minutes, and keep their tokens from being taken.

use domain::ids::{SessionId, UserId};

use super::error::CacheError;
use super::round_trip::Cache;
use crate::limits::check::hash_tag;
use crate::limits::policy::{Counts, Limit};

impl Cache {
    /// Deletes the limits and the wrong codes of an account and its sessions. What it fetched of others'
    /// one-time keys is counted by keys that name the others too: these expire within two hours.
    pub async fn delete_account_keys(
        &self,
        user: UserId,
        sessions: &[SessionId],
    ) -> Result<(), CacheError> {
        let tag = hash_tag(user);
        let limits = Limit::ALL.iter().filter(|limit| limit.counts() == Counts::Account);
        let limits = limits.map(|limit| format!("rate_limit:{}:{tag}", limit.name()));
        let of_sessions = sessions.iter().flat_map(|session| {
            let limit = Limit::BearerPerSession.name();
            [format!("two_factor:{tag}:{session}"), format!("rate_limit:{limit}:{tag}:{session}")]
        });
        let keys: Vec<String> =
            limits.chain(of_sessions).chain([format!("two_factor:{tag}")]).collect();
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(keys);
        self.send("delete_account_keys", vec![unlink]).await.map(drop)
    }
}
