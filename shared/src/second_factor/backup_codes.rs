//! Backup codes: bcrypt over a digest under the pepper. A selector of 12 keyed bits finds the row,
//! so that an attempt costs one bcrypt, whether there is such a code or not. bcrypt is slow on
//! purpose and runs on a thread of its own.

use bcrypt::BcryptError;
use domain::ids::UserId;
use domain::second_factor::{BACKUP_CODES, BackupCode, IMPORTED_CODE};
use std::collections::BTreeSet;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use uuid::Builder;

use crate::clock::Rng;
use crate::config::Stage;
use crate::crypto::PepperSet;
use crate::store::second_factor::{NewBackupCode, StoredBackupCode};

/// How many rounds a hash takes: 2^10. The pepper keeps a stolen database from being searched; this
/// makes a search slow for whoever has both. On a laptop, where nothing is worth it, and in tests,
/// the fewest that bcrypt has.
#[must_use]
pub const fn cost(stage: Stage) -> u32 {
    match stage {
        Stage::Local => 4,
        Stage::Dev | Stage::Staging | Stage::Prod => 10,
    }
}

#[derive(Debug, Error)]
pub enum BackupCodeError {
    #[error("bcrypt failed")]
    Bcrypt(#[from] BcryptError),
    #[error("bcrypt was interrupted")]
    Interrupted(#[from] JoinError),
}

/// A new set of codes: as they are shown once, and as they are stored.
pub struct BackupCodeSet {
    pub shown: Vec<String>,
    pub stored: Vec<NewBackupCode>,
}

/// Draws a set. No two of its codes have the same selector.
pub async fn draw(
    user: UserId,
    peppers: &PepperSet,
    cost: u32,
    rng: Rng,
) -> Result<BackupCodeSet, BackupCodeError> {
    let pepper = peppers.current();
    let (mut selectors, mut codes) = (BTreeSet::new(), Vec::new());
    while codes.len() < BACKUP_CODES {
        let code = BackupCode::of_random(rng.bytes());
        let selector = pepper.backup_code_selector(user, &code);
        if selectors.insert(selector) {
            codes.push((pepper.backup_code(user, &code), selector, code.shown()));
        }
    }
    let pepper = pepper.id().to_owned();
    spawn_blocking(move || {
        let (mut shown, mut stored) = (Vec::new(), Vec::new());
        for (digest, selector, code) in codes {
            let hash = bcrypt::hash_with_salt(digest, cost, rng.bytes())?.to_string();
            let id = Builder::from_random_bytes(rng.bytes()).into_uuid();
            stored.push(NewBackupCode { id, selector, hash, pepper: pepper.clone() });
            shown.push(code);
        }
        Ok(BackupCodeSet { shown, stored })
    })
    .await?
}

/// The stored code that this is. A code that is none costs as much time.
pub async fn find<'s>(
    user: UserId,
    code: &BackupCode,
    stored: &'s [StoredBackupCode],
    peppers: &PepperSet,
    cost: u32,
) -> Result<Option<&'s StoredBackupCode>, BackupCodeError> {
    let found = stored.iter().find_map(|stored| {
        let pepper = peppers.by_id(&stored.pepper)?;
        let is_row = pepper.backup_code_selector(user, code) == stored.selector;
        is_row.then(|| (stored, pepper.backup_code(user, code)))
    });
    if found.is_none() && stored.iter().any(|stored| stored.pepper == IMPORTED_CODE) {
        return find_imported(code, stored).await;
    }
    let compared = found.as_ref().map(|(stored, digest)| (digest.clone(), stored.hash.clone()));
    let is_right = spawn_blocking(move || match compared {
        Some((digest, hash)) => bcrypt::verify(digest, &hash),
        None => bcrypt::hash_with_salt("", cost, [0; 16]).map(|_| false),
    });
    let is_right = is_right.await??;
    Ok(found.map(|(stored, _)| stored).filter(|_| is_right))
}

/// Among codes of the first auth-service: nothing says which one it may be, so each is compared. Its
/// user makes a new set some day.
async fn find_imported<'s>(
    code: &BackupCode,
    stored: &'s [StoredBackupCode],
) -> Result<Option<&'s StoredBackupCode>, BackupCodeError> {
    let imported = stored.iter().enumerate().filter(|(_, stored)| stored.pepper == IMPORTED_CODE);
    let hashes: Vec<(usize, String)> =
        imported.map(|(place, stored)| (place, stored.hash.clone())).collect();
    let shown = code.shown();
    let place = spawn_blocking(move || {
        let mut right = None;
        for (place, hash) in hashes {
            // A hash that is none is never right.
            if bcrypt::verify(&shown, &hash).unwrap_or(false) {
                right = Some(place);
            }
        }
        right
    });
    Ok(place.await?.and_then(|place| stored.get(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::pepper::{new_pepper, rotate_pepper};

    fn as_stored(new: &NewBackupCode) -> StoredBackupCode {
        let NewBackupCode { id, selector, hash, pepper } = new.clone();
        StoredBackupCode { id, selector, hash, pepper, used: false }
    }

    #[tokio::test]
    async fn each_code_of_a_set_finds_its_own_row_also_after_a_rotation() {
        let text = new_pepper();
        let peppers = PepperSet::parse(&text).unwrap();
        let user = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let set = draw(user, &peppers, cost(Stage::Prod), Rng).await.unwrap();
        assert_eq!((set.shown.len(), set.stored.len()), (10, 10));
        let selectors: BTreeSet<i16> = set.stored.iter().map(|code| code.selector).collect();
        assert_eq!(selectors.len(), 10);
        assert!(set.stored.iter().all(|code| code.hash.starts_with("$2b$10$")));
        let stored: Vec<_> = set.stored.iter().map(as_stored).collect();
        let rotated = rotate_pepper(&rotate_pepper(&text).unwrap()).unwrap();
        let rotated = PepperSet::parse(&rotated).unwrap();
        for (shown, new) in set.shown.iter().zip(&set.stored).take(2) {
            let code = BackupCode::parse(shown).unwrap();
            for peppers in [&peppers, &rotated] {
                let found = find(user, &code, &stored, peppers, 4).await.unwrap();
                assert_eq!(found.map(|code| code.id), Some(new.id));
            }
            let other = UserId::from_uuid(uuid::Uuid::from_u128(2));
            assert!(find(other, &code, &stored, &peppers, 4).await.unwrap().is_none());
            let others = PepperSet::parse(&new_pepper()).unwrap();
            assert!(find(user, &code, &stored, &others, 4).await.unwrap().is_none());
        }
        // The selector alone is no proof.
        let code = BackupCode::parse(&set.shown[0]).unwrap();
        let mut swapped = stored.clone();
        swapped[0].hash.clone_from(&stored[1].hash);
        assert!(find(user, &code, &swapped, &peppers, 4).await.unwrap().is_none());
    }
}
