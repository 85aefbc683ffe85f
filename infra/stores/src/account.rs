//! Users and folders. Postgres refuses to run as root, so root runs it as another user, whose
//! folders must be where that user can reach them.

use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use crate::error::StoreError;

/// Another user that a server runs as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// Who runs Postgres: the current user (`None`), or for root `postgres` or `nobody`.
    pub fn for_postgres() -> Result<Option<Self>, StoreError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(Self::named)
            .map(Some)
            .ok_or(StoreError::NoAccount)
    }

    fn named(name: &str) -> Option<Self> {
        // `id` reads every user database of the machine; /etc/passwd is only one of them.
        let number = |flag| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { uid: number("-u")?, gid: number("-g")? })
    }

    /// Whether this user may pass through `folder` and all folders above it.
    /// A folder that does not exist yet counts as reachable: we create it.
    pub fn reaches(&self, folder: &Path) -> bool {
        folder.ancestors().all(|folder| {
            let Ok(found) = fs::metadata(folder) else {
                return true;
            };
            let mode = found.permissions().mode();
            let execute = if found.uid() == self.uid {
                0o100
            } else if found.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            mode & execute != 0
        })
    }
}

/// `wanted`, or if `account` cannot reach it, a folder of /var/tmp whose name is a hash of
/// that path.
pub(crate) fn reachable(wanted: &Path, account: Option<&Account>) -> PathBuf {
    // The folder itself may belong to the account already, so its parent decides. The parent is
    // created now, so that our umask counts too. A failure shows when the folder is created.
    let parent = wanted.parent().unwrap_or(wanted);
    let _ = fs::create_dir_all(parent);
    match account {
        Some(account) if !account.reaches(parent) => {
            // FNV-1a gives the same name in every build; std's hashers do not.
            let hash = wanted
                .as_os_str()
                .as_encoded_bytes()
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                });
            Path::new("/var/tmp").join(format!("local-{hash:016x}"))
        }
        _ => wanted.to_owned(),
    }
}

/// Creates (or takes over) a folder that only `account` can read.
pub(crate) fn private_folder(folder: &Path, account: Option<&Account>) -> Result<(), StoreError> {
    let make = || -> io::Result<()> {
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent)?;
        }
        let owner = account.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {}
            // In /var/tmp any user can create a folder or a link of this name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(folder)?;
                let ours = rustix::process::geteuid().as_raw();
                if !found.is_dir() || ![owner, ours].contains(&found.uid()) {
                    return Err(io::Error::other("it exists and belongs to another user"));
                }
            }
            Err(error) => return Err(error),
        }
        chown(folder, Some(owner), account.map(|user| user.gid))
    };
    make().map_err(|source| StoreError::Io {
        what: format!("create the folder {}", folder.display()),
        source,
    })
}

/// Creates a folder that only we can read, for data that is not kept.
pub fn temporary_folder(name: &str) -> Result<PathBuf, StoreError> {
    temporary_folder_for(name, None)
}

/// The same, for a server that runs as `account`.
pub(crate) fn temporary_folder_for(
    name: &str,
    account: Option<&Account>,
) -> Result<PathBuf, StoreError> {
    let places = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let place = places
        .into_iter()
        .find(|place| place.is_dir() && account.is_none_or(|account| account.reaches(place)))
        .unwrap_or_else(std::env::temp_dir);
    // Each RandomState has a new random key, which keeps the names apart.
    let random = RandomState::new().hash_one(name);
    let folder = place.join(format!("local-{name}-{}-{random:016x}", id()));
    private_folder(&folder, account)?;
    Ok(folder)
}
