//! The house itself: the arrows between its crates, what each file owes its reader, and
//! that every migration has a way back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tests::stores::{Stores, connect};

use crate::sources::{files_below, function_names, names_in, read, text};

/// Where panicking is right, outside of tests, and why.
const MAY_PANIC: [(&str, &str); 1] = [
    // A process without randomness can do nothing that is safe.
    ("shared/src/clock.rs", "the operating system's random source answers"),
];

/// The members' folders, with `functions/*` spelt out.
pub fn members() -> Vec<String> {
    let root: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let listed = root["workspace"]["members"].as_array().unwrap().iter();
    listed
        .flat_map(|member| match member.as_str().unwrap() {
            "functions/*" => {
                function_names().iter().map(|name| format!("functions/{name}")).collect()
            }
            member => vec![member.to_owned()],
        })
        .collect()
}

/// All dependencies of a member, for whatever they are there, with how they are declared.
fn dependencies(member: &str) -> BTreeMap<String, toml::Value> {
    let manifest: toml::Table = toml::from_str(&read(&format!("{member}/Cargo.toml"))).unwrap();
    assert!(manifest.get("target").is_none(), "{member}: dependencies of one platform alone");
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"].into_iter();
    let tables = kinds.filter_map(|kind| manifest.get(kind)?.as_table());
    tables.flatten().map(|(name, how)| (name.clone(), how.clone())).collect()
}

#[test]
fn the_arrows_between_our_crates_are_the_houses() {
    let functions = function_names();
    let functions = || functions.iter().map(String::as_str);
    let everything = || functions().chain(["domain", "migrations", "shared", "stores"]);
    let members = members();
    let ours: BTreeSet<&str> = members.iter().map(|m| m.rsplit('/').next().unwrap()).collect();
    for member in &members {
        let allowed: BTreeSet<&str> = match member.as_str() {
            "shared/domain" | "infra/stores" | "clients/rust" | "tests/hello" => BTreeSet::new(),
            "shared" => ["domain"].into(),
            "shared/sms" | "shared/migrations" | "shared/aws" => ["shared"].into(),
            "functions/internal" => ["auth-client", "aws", "domain", "shared"].into(),
            "functions/verify" => ["aws", "domain", "shared", "sms"].into(),
            "functions/migrate" => ["aws", "domain", "migrations", "shared"].into(),
            "infra/local" => everything().collect(),
            "tests" => everything().chain(["aws", "local"]).collect(),
            function if function.starts_with("functions/") => ["aws", "domain", "shared"].into(),
            other => panic!("{other} is new: say here what it may depend on"),
        };
        for name in dependencies(member).keys().filter(|name| ours.contains(name.as_str())) {
            assert!(allowed.contains(name.as_str()), "{member} must not depend on {name}");
        }
        // Without it, a function runs on a laptop, and is built without the SDK.
        // `rotate-keys` does nothing without AWS.
        if member.starts_with("functions/") && member != "functions/rotate-keys" {
            let aws = &dependencies(member)["aws"];
            let is_optional = aws.get("optional").and_then(toml::Value::as_bool) == Some(true);
            assert!(is_optional, "{member} needs aws without its feature");
        }
    }
}

#[test]
fn the_rules_know_neither_stores_nor_the_wire() {
    let all = dependencies("shared/domain");
    for name in ["tokio", "redis", "tokio-postgres", "axum", "http", "hyper", "reqwest", "tracing"]
    {
        assert!(!all.contains_key(name), "domain depends on {name}");
    }
    for file in files_below("shared/domain/src", ".rs") {
        let text = text(&file);
        for word in ["async fn", ".await", "SystemTime::now", "Instant::now", "std::env", "std::fs"]
        {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}

#[test]
fn every_dependency_is_the_workspaces_and_used() {
    let root: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let declared: BTreeSet<&str> =
        root["workspace"]["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    let mut wanted = BTreeSet::new();
    for member in members() {
        let mut files = files_below(&format!("{member}/src"), ".rs");
        if names_in(&member).iter().any(|name| name == "build.rs") {
            files.push(Path::new(&member).join("build.rs"));
        }
        let source: String = files.iter().map(|file| text(file)).collect();
        for (name, how) in dependencies(&member) {
            let inherits = how.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            assert!(inherits, "{member}: {name} is not the workspace's");
            // The tests' code stands elsewhere too, and needs no such watch.
            let crate_name = name.replace('-', "_");
            let used = member == "tests" || has_word(&source, &crate_name);
            assert!(used, "{member} does not use {name}");
            wanted.insert(name);
        }
    }
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    assert_eq!(declared, wanted, "what the workspace declares and what its members want");
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = read("Cargo.toml");
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let (mut in_group, mut seen) = (false, 0);
    for line in section.lines() {
        if line.is_empty() {
            in_group = false;
        } else if line.starts_with('#') {
            in_group = true;
        } else {
            seen += 1;
            assert!(in_group || line.contains(" # "), "nothing says why: {line}");
        }
    }
    assert!(seen > 30, "only {seen} dependencies were found");
}

#[test]
fn every_rust_file_opens_with_what_it_is_and_stays_short() {
    let mut seen = 0;
    for folder in ["shared", "functions", "infra", "tests"] {
        for file in files_below(folder, ".rs") {
            let (place, text) = (file.display(), text(&file));
            let first = text.lines().next().unwrap_or_default();
            assert!(first.starts_with("//! ") && first.len() > 12, "{place} opens with: {first}");
            let lines = text.lines().count();
            assert!(lines <= 500, "{place} has {lines} lines");
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} files were found");
}

#[test]
fn every_script_opens_with_what_it_does() {
    let scripts = files_below("shared/src/cache", ".lua");
    assert!(scripts.len() > 5);
    for file in scripts {
        let text = text(&file);
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("-- ") && first.len() > 12,
            "{} opens with: {first}",
            file.display()
        );
        assert!(!text.contains("redis.call('TIME'"), "{} asks for the time itself", file.display());
    }
}

#[test]
fn nothing_that_serves_panics_but_what_is_listed() {
    let mut listed: BTreeSet<(&str, &str)> = MAY_PANIC.into();
    for folder in ["shared/src", "shared/domain/src", "functions"] {
        for file in files_below(folder, ".rs") {
            if file.ends_with("tests.rs") {
                continue;
            }
            let text = text(&file);
            let served = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in served.lines().enumerate() {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                let words =
                    [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "assert!("];
                if !words.iter().any(|word| line.contains(word)) {
                    continue;
                }
                let known = |(path, reason): &&(&str, &str)| {
                    file == Path::new(path) && line.contains(&format!(".expect(\"{reason}\")"))
                };
                let found = listed.iter().find(known).copied();
                let place = format!("{}:{}", file.display(), number + 1);
                assert!(found.is_some_and(|one| listed.remove(&one)), "{place}: {}", line.trim());
            }
        }
    }
    assert!(listed.is_empty(), "no longer there: {listed:?}");
}

#[test]
fn every_main_loads_its_cloud_once_and_runs_its_function() {
    // They hand clients of AWS to their state, so they keep what they load.
    let with_clients = ["relay", "rotate-keys", "verify"];
    for function in function_names() {
        let place = format!("functions/{function}/src/main.rs");
        let text = read(&place);
        assert!(text.lines().count() <= 25, "{place} does more than run");
        let words: String = text.split_whitespace().collect();
        let (of_aws, others) = words
            .split_once("#[cfg(not(feature=\"aws\"))]")
            .map_or_else(|| (words.as_str(), None), |(of_aws, others)| (of_aws, Some(others)));
        if with_clients.contains(&function.as_str()) {
            assert_eq!(of_aws.matches("aws::load()").count(), 1, "{place}");
            assert!(of_aws.contains("(Some(aws"), "{place} runs without what it loads");
            let runs_without =
                others.is_none_or(|text| text.contains("(shared::cloud::none(),SECRETS,"));
            assert!(runs_without && others.is_none() == (function == "rotate-keys"), "{place}");
        } else {
            let run = words.split("shared::lambda::run").nth(1).expect("a run of the runtime");
            let (_, arguments) = run.split_once('(').expect("arguments");
            assert!(arguments.starts_with("load_cloud(),SECRETS,"), "{place}");
            assert_eq!(words.matches(".await").count(), 1, "{place} does more than run");
        }
    }
    // Whoever needs the configuration of the SDK gets the one that was loaded.
    let mut loads = Vec::new();
    for folder in ["shared", "functions"] {
        for file in files_below(folder, ".rs") {
            let count = text(&file).matches("client::load()").count();
            loads.extend((0..count).map(|_| file.display().to_string()));
        }
    }
    assert_eq!(loads, ["shared/aws/src/lib.rs"]);
}

#[test]
fn every_migration_has_its_way_back() {
    let names = names_in("migrations");
    let ups: Vec<&String> = names.iter().filter(|n| !n.ends_with(".down.sql")).collect();
    assert!(!ups.is_empty() && names.len() == 2 * ups.len(), "{names:?}");
    for (number, up) in ups.iter().enumerate() {
        let stem = up.strip_suffix(".sql").unwrap();
        assert!(names.contains(&format!("{stem}.down.sql")), "{up} has no way back");
        assert!(stem.starts_with(&format!("V{:04}__", number + 1)), "{up} is out of order");
    }
}

/// Everything a database holds beside its server's own: tables, columns, constraints and
/// indexes, a line each.
async fn shape(url: &str) -> Vec<String> {
    let query = "
        SELECT format('%s.%s %s %s %s', table_schema, table_name, column_name, data_type, is_nullable)
        FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname <> 'pg_catalog'
        ORDER BY 1";
    let rows = connect(url).await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_migrations_go_up_and_back_and_up_again() {
    let stores = Stores::fresh().await;
    let url = stores.database_url.clone();
    let up = shape(&url).await;
    let (ours, others): (Vec<&String>, Vec<&String>) =
        up.iter().partition(|line| line.contains("auth."));
    assert!(ours.len() > 40, "{ours:?}");
    for line in others {
        assert!(line.contains("schema_migrations"), "outside of the schema auth: {line}");
    }

    let mut back = 0;
    while migrations::revert(&url).await.unwrap().is_some() {
        back += 1;
    }
    assert_eq!(back, names_in("migrations").len() / 2);
    for line in shape(&url).await {
        assert!(line.contains("schema_migrations"), "left behind: {line}");
    }
    assert_eq!(migrations::run(&url).await.unwrap().len(), back);
    assert_eq!(shape(&url).await, up);
}
