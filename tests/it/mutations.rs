//! The planted mutations of `tests/mutations.toml` fit the sources and this binary, so that
//! `.ci/mutations`, which takes long, does not find that out.

use std::collections::BTreeSet;
use std::process::Command;

use crate::sources::{files_below, read, text};

/// The tests of this binary, by their whole names.
fn tests_of_this_binary() -> BTreeSet<String> {
    let binary = std::env::current_exe().expect("a name");
    let listed = Command::new(binary).args(["--list", "--format", "terse"]).output();
    let listed = String::from_utf8(listed.expect("it lists its tests").stdout).expect("names");
    listed.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_owned())).collect()
}

#[test]
fn every_planted_mutation_fits_its_file_and_names_tests_that_exist() {
    let list: toml::Table = toml::from_str(&read("tests/mutations.toml")).unwrap();
    let mutations = list["mutation"].as_array().unwrap();
    assert!(mutations.len() > 20, "only {} mutations were found", mutations.len());
    let folders = ["shared/src/store", "shared/src/cache"];
    let files = folders.iter().flat_map(|folder| {
        [".rs", ".lua"].into_iter().flat_map(|ending| files_below(folder, ending))
    });
    let planted_in: Vec<String> = files.map(|file| text(&file)).collect();
    let (known, mut seen) = (tests_of_this_binary(), BTreeSet::new());
    for mutation in mutations {
        let field = |name: &str| mutation[name].as_str().unwrap_or_else(|| panic!("{name}"));
        let (what, file) = (field("what"), field("file"));
        assert!(seen.insert(what), "twice: {what}");
        let found = read(file).matches(field("from")).count();
        assert_eq!(found, 1, "{what}: how often `from` occurs in {file}");
        // Without a build of its own, the text is replaced in every statement and script.
        if mutation.get("rebuild").is_none() {
            let found = planted_in.iter().filter(|text| text.contains(field("from"))).count();
            assert_eq!(found, 1, "{what}: how many files of stores and caches have `from`");
        }
        let tests = mutation["tests"].as_array().unwrap();
        assert!(!tests.is_empty(), "{what}: no test");
        for test in tests {
            let test = test.as_str().unwrap();
            assert!(known.contains(test), "{what}: there is no test {test}");
        }
    }
}
