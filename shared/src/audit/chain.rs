//! The rule of a user's chain: each entry has the next number, and its hash covers the hash before it,
//! its number and its text. A walk finds the first place where that does not hold.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;
use thiserror::Error;

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub struct ChainEntry {
    /// 1, 2, 3 …
    pub seq: i64,
    pub hash: Vec<u8>,
    /// The bytes that the hash covers: a JSON object.
    pub entry: String,
    /// The personal values with their salts, unless they were erased.
    pub personal: Option<Value>,
}

/// What breaks a chain. `seq` is the first bad place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainFault {
    #[error("entry {seq} is missing")]
    Missing { seq: i64 },
    /// Its text, its hash, or its place: an entry of another place has another hash.
    #[error("entry {seq} is not the one that was written there")]
    Changed { seq: i64 },
    /// A personal value, or its salt: the entry holds another commitment.
    #[error("a personal value of entry {seq} is not the one that was written")]
    PersonalChanged { seq: i64 },
    /// The head tells of entries that are not there.
    #[error("the entries from {seq} on were cut off")]
    Cut { seq: i64 },
    /// There are entries that the head does not know.
    #[error("the head does not know the entries from {seq} on")]
    BehindHead { seq: i64 },
    #[error("the head is not that of entry {seq}")]
    HeadChanged { seq: i64 },
    /// An account without a single entry: its registration wrote one.
    #[error("the account has no chain")]
    NoChain,
}

/// A walk along a chain.
#[derive(Clone, Debug)]
pub struct ChainWalk {
    seq: i64,
    head: Vec<u8>,
}

impl Default for ChainWalk {
    fn default() -> Self {
        Self { seq: 0, head: vec![0; 32] }
    }
}

impl ChainWalk {
    /// A walk that goes on behind an entry whose place and hash are known.
    #[must_use]
    pub const fn after(seq: i64, head: Vec<u8>) -> Self {
        Self { seq, head }
    }

    /// The place of the last entry so far.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// Takes the next entry.
    pub fn step(&mut self, entry: &ChainEntry) -> Result<(), ChainFault> {
        let seq = self.seq + 1;
        if entry.seq > seq {
            return Err(ChainFault::Missing { seq });
        }
        let bytes = [&self.head[..], &seq.to_be_bytes(), entry.entry.as_bytes()].concat();
        let hash = digest(&SHA256, &bytes);
        if entry.seq < seq || hash.as_ref() != entry.hash {
            return Err(ChainFault::Changed { seq: entry.seq });
        }
        if entry.personal.as_ref().is_some_and(|personal| !is_committed(&entry.entry, personal)) {
            return Err(ChainFault::PersonalChanged { seq });
        }
        *self = Self { seq, head: hash.as_ref().to_vec() };
        Ok(())
    }

    /// Compares the end with the head of the user, if there is one.
    pub fn end(&self, head: Option<(i64, &[u8])>, has_account: bool) -> Result<(), ChainFault> {
        let next = self.seq + 1;
        match head {
            None if self.seq > 0 => Err(ChainFault::BehindHead { seq: 1 }),
            None if has_account => Err(ChainFault::NoChain),
            Some((seq, _)) if seq > self.seq => Err(ChainFault::Cut { seq: next }),
            Some((seq, _)) if seq < self.seq => Err(ChainFault::BehindHead { seq: seq + 1 }),
            Some((seq, hash)) if hash != self.head => Err(ChainFault::HeadChanged { seq }),
            None | Some(_) => Ok(()),
        }
    }
}

/// Whether the entry holds the commitment to each of these values.
fn is_committed(entry: &str, personal: &Value) -> bool {
    let Ok(entry) = serde_json::from_str::<Value>(entry) else { return false };
    let Some(values) = personal.as_object() else { return false };
    values.iter().all(|(name, given)| {
        let (salt, value) = (given["salt"].as_str(), given["value"].as_str());
        let (Some(salt), Some(value)) = (salt, value) else { return false };
        let commitment = digest(&SHA256, format!("{salt}{value}").as_bytes());
        entry[name.as_str()] == BASE64.encode(commitment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditEntry, SecurityEvent};
    use crate::clock::Rng;
    use domain::time::Timestamp;

    fn chain(length: i64) -> Vec<ChainEntry> {
        let (mut head, now) = (vec![0; 32], Timestamp::from_millis(1_800_000_000_000));
        let entry = |seq: i64| {
            let address = format!("203.0.113.{seq}");
            let written = AuditEntry::new(SecurityEvent::UserLoggedIn, None, &address, now, Rng);
            let bytes = [&head[..], &seq.to_be_bytes(), written.entry.as_bytes()].concat();
            head = digest(&SHA256, &bytes).as_ref().to_vec();
            let (entry, personal) = (written.entry, Some(written.personal));
            ChainEntry { seq, hash: head.clone(), entry, personal }
        };
        (1..=length).map(entry).collect()
    }

    fn fault(entries: &[ChainEntry], head: &ChainEntry) -> Option<ChainFault> {
        let mut walk = ChainWalk::default();
        let stepped = entries.iter().try_for_each(|entry| walk.step(entry));
        stepped.and_then(|()| walk.end(Some((head.seq, &head.hash)), true)).err()
    }

    #[test]
    fn a_chain_holds_also_after_an_erasure() {
        let mut entries = chain(5);
        let head = entries[4].clone();
        assert_eq!(fault(&entries, &head), None);
        for entry in &mut entries {
            entry.personal = None;
        }
        assert_eq!(fault(&entries, &head), None);
    }

    #[test]
    fn each_tampering_is_found_at_its_place() {
        let whole = chain(5);
        let head = whole[4].clone();
        let found = |change: &dyn Fn(&mut Vec<ChainEntry>)| {
            let mut entries = whole.clone();
            change(&mut entries);
            fault(&entries, &head)
        };
        let changed =
            found(&|entries| entries[2].entry = entries[2].entry.replace("user", "usher"));
        assert_eq!(changed, Some(ChainFault::Changed { seq: 3 }));
        let hash = found(&|entries| entries[2].hash[0] ^= 1);
        assert_eq!(hash, Some(ChainFault::Changed { seq: 3 }));
        assert_eq!(found(&|entries| drop(entries.remove(1))), Some(ChainFault::Missing { seq: 2 }));
        assert_eq!(found(&|entries| drop(entries.remove(0))), Some(ChainFault::Missing { seq: 1 }));
        let moved = found(&|entries| {
            entries.swap(1, 2);
            (entries[1].seq, entries[2].seq) = (2, 3);
        });
        assert_eq!(moved, Some(ChainFault::Changed { seq: 2 }));
        assert_eq!(found(&|entries| entries.truncate(3)), Some(ChainFault::Cut { seq: 4 }));
        let personal = found(&|entries| {
            entries[3].personal.as_mut().unwrap()["address"]["value"] = "198.51.100.1".into();
        });
        assert_eq!(personal, Some(ChainFault::PersonalChanged { seq: 4 }));
        let short = Some((3, &whole[2].hash[..]));
        let mut walk = ChainWalk::default();
        for entry in &whole {
            walk.step(entry).unwrap();
        }
        assert_eq!(walk.end(short, true), Err(ChainFault::BehindHead { seq: 4 }));
        assert_eq!(walk.end(Some((5, &[0; 32])), true), Err(ChainFault::HeadChanged { seq: 5 }));
        assert_eq!(walk.end(None, false), Err(ChainFault::BehindHead { seq: 1 }));
        assert_eq!(ChainWalk::default().end(None, true), Err(ChainFault::NoChain));
        assert_eq!(ChainWalk::default().end(None, false), Ok(()));
    }
}
