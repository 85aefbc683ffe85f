//! ARCHITECTURE.md names what there is: crates, modules, tables, keys of Redis. It names nothing of that
//! kind that is gone.

use std::collections::BTreeSet;

use crate::house::members;
use crate::sources::{files_below, names_in, read, text};

/// A part of the document, from its title to the next one of the same or a higher level.
fn section(title: &str) -> String {
    let document = read("ARCHITECTURE.md");
    let from = document.find(&format!("\n{title}\n")).unwrap_or_else(|| panic!("no {title}"));
    let rest = &document[from + 1 + title.len()..];
    let level = title.split(' ').next().unwrap();
    let end = (2..=level.len()).filter_map(|n| rest.find(&format!("\n{} ", "#".repeat(n)))).min();
    rest[..end.unwrap_or(rest.len())].to_owned()
}

/// What stands in backticks.
fn names(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What stands in backticks in the first column of its tables.
fn first_columns(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.flat_map(names).collect()
}

#[test]
fn every_crate_is_in_the_table_of_crates() {
    let name = |member: String| {
        let manifest: toml::Table = toml::from_str(&read(&format!("{member}/Cargo.toml"))).unwrap();
        manifest["package"]["name"].as_str().unwrap().to_owned()
    };
    let crates: BTreeSet<String> = members().into_iter().map(name).collect();
    let table = section("## Crates");
    let table = table.split("\n### ").next().unwrap();
    assert_eq!(first_columns(table), crates);
}

#[test]
fn every_module_of_shared_is_in_its_table() {
    let shared = section("### The crate `shared`");
    let named = names(&shared);
    // Folders with a slash, as the table shows them.
    let below = |folder: &str| {
        let names = names_in(folder).into_iter();
        names.map(|name| if name.contains('.') { name } else { format!("{name}/") })
    };
    for name in below("shared/src").filter(|name| name != "lib.rs") {
        assert!(named.contains(&name), "shared/src/{name} is not named");
    }
    for family in ["store/", "cache/"] {
        let row = shared.lines().find(|line| line.starts_with(&format!("| `{family}`"))).unwrap();
        let is_folder = |name: &String| name.ends_with('/');
        let shown: BTreeSet<String> = names(row).into_iter().filter(is_folder).collect();
        // Certificates, no tables.
        let folders = below(&format!("shared/src/{family}")).filter(|name| name != "rds/");
        let expected = folders.filter(is_folder).chain([family.to_owned()]).collect();
        assert_eq!(shown, expected, "folders of shared/src/{family}");
    }
}

#[test]
fn every_table_is_in_the_list_of_tables() {
    let migrations = files_below("migrations", ".sql").into_iter().map(|file| text(&file));
    let migrations: String = migrations.collect();
    let created = migrations.split("CREATE TABLE auth.").skip(1);
    let tables: BTreeSet<String> = created
        .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap())
        .map(str::to_owned)
        .collect();
    let data = section("## Where data is stored");
    let table = data.split("**What is deleted**").next().unwrap();
    let listed = first_columns(table);
    assert_eq!(listed, tables);
}

#[test]
fn every_kind_of_key_is_in_the_lists_of_keys() {
    let data = section("## Where data is stored");
    let module = read("shared/src/cache/mod.rs");
    for file in files_below("shared/src/cache", ".rs") {
        let code = text(&file);
        for rest in code.split("format!(\"").skip(1) {
            let Some((kind, after)) = rest.split_once(':') else { continue };
            let is_kind =
                !kind.is_empty() && kind.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_kind && after.starts_with('{') {
                let shown = format!("`{kind}:");
                for (place, list) in [("ARCHITECTURE.md", &data), ("cache/mod.rs", &module)] {
                    assert!(
                        list.contains(&shown),
                        "{kind}: of {} is not in {place}",
                        file.display()
                    );
                }
            }
        }
    }
}
