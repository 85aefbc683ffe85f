//! No circle between two files: where one uses the other, that one does not use it back, over
//! however many files between. A `mod.rs` or `lib.rs` may re-export its children.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::house::members;
use crate::sources::{files_below, text};

/// The files of a crate by their module paths: `["store", "keys"]`.
fn modules(source: &Path) -> BTreeMap<Vec<String>, PathBuf> {
    let relative = source.display().to_string();
    let files = files_below(&relative, ".rs");
    let named = files.into_iter().map(|file| {
        let inside = file.strip_prefix(source).unwrap().with_extension("");
        let mut path: Vec<String> =
            inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if path.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
            path.pop();
        }
        (path, file)
    });
    // A crate that is both: the library is what others use.
    let mut modules = BTreeMap::new();
    for (path, file) in named {
        let is_main = file.file_name().is_some_and(|name| name == "main.rs");
        if !is_main {
            modules.insert(path, file);
        }
    }
    modules
}

/// All paths that an import names: groups are taken apart.
fn expand(prefix: &str, import: &str, paths: &mut Vec<Vec<String>>) {
    let import = import.trim();
    let Some((before, group)) = import.split_once('{') else {
        let path = format!("{prefix}{}", import.split(" as ").next().unwrap_or_default().trim());
        paths.push(path.split("::").map(|part| part.trim().to_owned()).collect());
        return;
    };
    let group = group.trim_end().trim_end_matches('}');
    let (mut depth, mut part) = (0, String::new());
    for c in group.chars() {
        match c {
            ',' if depth == 0 => {
                expand(&format!("{prefix}{before}"), &part, paths);
                part.clear();
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        part.push(c);
    }
    if !part.trim().is_empty() {
        expand(&format!("{prefix}{before}"), &part, paths);
    }
}

/// What a file uses of its own crate, as module paths that may end in an item.
fn uses(code: &str, own: &[String], children: &BTreeSet<&str>) -> Vec<Vec<String>> {
    // Tests in the file may use what they like.
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut named = Vec::new();
    for statement in code.split(';') {
        let statement = statement.trim_start();
        let import = statement.rsplit_once('\n').map_or(statement, |_| statement);
        if let Some(import) =
            import.split_once("use ").filter(|(before, _)| before.trim().is_empty())
        {
            expand("", import.1, &mut named);
        }
    }
    // Paths in the code itself.
    for prefix in ["crate::", "super::"] {
        for (at, _) in code.match_indices(prefix) {
            let path: String = code[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':')
                .collect();
            named.push(path.split("::").map(str::to_owned).collect());
        }
    }
    let resolve = |path: &Vec<String>| -> Option<Vec<String>> {
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([own, &path[1..]].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let base = own.get(..own.len().checked_sub(ups)?)?;
                Some([base, &path[ups..]].concat())
            }
            child if children.contains(child) => Some([own, path.as_slice()].concat()),
            _ => None,
        }
    };
    named.iter().filter_map(resolve).collect()
}

/// The files that each file of a crate uses.
fn graph(source: &Path) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let modules = modules(source);
    let mut graph = BTreeMap::new();
    for (own, file) in &modules {
        let children: BTreeSet<&str> = modules
            .keys()
            .filter(|path| path.len() == own.len() + 1 && path.starts_with(own))
            .filter_map(|path| path.last().map(String::as_str))
            .collect();
        let targets = uses(&text(file), own, &children).into_iter().filter_map(|mut path| {
            while !path.is_empty() && !modules.contains_key(&path) {
                path.pop();
            }
            modules.get(&path).filter(|target| *target != file).cloned()
        });
        graph.insert(file.clone(), targets.collect());
    }
    graph
}

/// All files that a file uses, over however many others.
fn reachable<'g>(
    graph: &'g BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    from: &Path,
) -> BTreeSet<&'g PathBuf> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(file) = open.pop() {
        for next in graph.get(&file).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn no_two_files_use_each_other() {
    let mut circles = BTreeSet::new();
    let mut seen = 0;
    for member in members() {
        let graph = graph(Path::new(&format!("{member}/src")));
        seen += graph.values().map(BTreeSet::len).sum::<usize>();
        for from in graph.keys() {
            for to in reachable(&graph, from) {
                if from < to && reachable(&graph, to).contains(from) {
                    circles.insert(format!("{} and {}", from.display(), to.display()));
                }
            }
        }
    }
    assert!(seen > 200, "only {seen} uses were found");
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let own = ["a".to_owned()];
    let children = BTreeSet::from(["child"]);
    let found = uses(
        "use crate::b::{C, d::{self, E}};\nuse super::f as g;\nuse child::H;\nfn x() { crate::i::j(); }\nuse std::fmt;",
        &own,
        &children,
    );
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["b::C", "b::d::self", "b::d::E", "f", "a::child::H", "b::", "i::j", "f"]);
}
