//! Signed roots of the audit chains, from a file or from S3, checked.

use shared::audit::root::{Head, SignedRoot};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// A root whose signature holds.
pub struct Root {
    /// When its hour began.
    pub hour: String,
    pub key: String,
    pub fingerprint: String,
    pub heads: Vec<Head>,
}

/// Fetches a root and the file of its heads, and checks both. A file can bring a key of its own: only the
/// one of this fingerprint is trusted, where one is given.
pub fn fetch(place: &str, key: Option<&str>) -> Result<Root, Error> {
    let root = SignedRoot::parse(&read(place)?)?;
    let fingerprint = root.fingerprint()?;
    if key.is_some_and(|key| !key.eq_ignore_ascii_case(&fingerprint)) {
        return Err(Error::OtherKey(fingerprint));
    }
    let folder = place.rfind('/').map_or("", |end| &place[..=end]);
    let heads = root.verify(&read(&format!("{folder}{}", root.heads_file))?)?;
    let hour = shared::clock::date_time(root.hour());
    Ok(Root { hour, key: root.key.clone(), fingerprint, heads })
}

/// This program links no client of S3.
fn read(place: &str) -> Result<Vec<u8>, Error> {
    if !place.starts_with("s3://") {
        let failed = |source| Error::File { file: Path::new(place).to_owned(), source };
        return fs::read(place).map_err(failed);
    }
    let mut copy = Command::new("aws");
    copy.args(["s3", "cp", place, "-"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let failed = || Error::Fetch(place.to_owned());
    let output = copy.output().map_err(|_| failed())?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed()) }
}
