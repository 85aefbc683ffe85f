//! Migrations of a release: databases have applied them as they were, so they never change.

use aws_lc_rs::digest::{SHA256, digest};
use domain::hex::hex;
use std::collections::BTreeMap;
use std::fs;

/// As `sha256sum` writes them; a release adds its own.
const RELEASED: &str = include_str!("../../snapshots/released_migrations.txt");

/// The files of migrations/ and their digests.
fn files() -> BTreeMap<String, String> {
    let folder = local::paths::workspace().join("migrations");
    let files = fs::read_dir(folder).expect("migrations").flatten();
    let scripts = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "sql"));
    let named = scripts.map(|file| {
        let content = fs::read(file.path()).expect("a file");
        let name = file.file_name().into_string().expect("a name");
        (name, hex(digest(&SHA256, &content).as_ref()))
    });
    named.collect()
}

/// `V0001` of `V0001__name.sql`.
fn version(name: &str) -> &str {
    name.split_once("__").map_or(name, |(version, _)| version)
}

#[test]
fn released_migrations_are_unchanged() {
    let files = files();
    let released: BTreeMap<&str, &str> = RELEASED
        .lines()
        .map(|line| line.split_once("  ").expect("a digest and a name"))
        .map(|(digest, name)| (name, digest))
        .collect();
    for (name, digest) in &released {
        let found = files.get(*name).map(String::as_str);
        assert_eq!(found, Some(*digest), "{name} is released: write another migration");
    }
    let last = released.keys().map(|name| version(name)).max().expect("a release");
    let earlier = files.keys().filter(|name| !released.contains_key(name.as_str()));
    for name in earlier {
        assert!(version(name) > last, "{name} comes before {last}, which is released");
    }
}

#[test]
fn the_version_has_its_section_in_the_changelog() {
    let changelog = fs::read_to_string(local::paths::workspace().join("CHANGELOG.md"));
    let heading = format!("\n## [{}] - ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.expect("a changelog").contains(&heading), "CHANGELOG.md lacks{heading}");
}
