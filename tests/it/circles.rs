//! No two files use each other: in the libraries, the integration tests and the bench.

mod finder;

use std::path::{Path, PathBuf};

use crate::house::members;
use crate::sources::{files_below, text};

#[test]
fn no_two_files_use_each_other() {
    let mut found = Vec::new();
    for root in target_roots() {
        let folder = root.parent().unwrap().to_string_lossy().into_owned();
        // A package's main.rs uses its library as another crate does.
        let is_library = root.ends_with("lib.rs");
        let files: Vec<_> = files_below(&folder, ".rs")
            .into_iter()
            .filter(|file| !is_library || !file.ends_with("src/main.rs"))
            .map(|file| (file.clone(), text(&file)))
            .collect();
        for circle in finder::circles(&root, &files) {
            let [one, other] = &circle.files;
            found.push(format!("{one} {:?}\n  {other} {:?}", circle.paths[0], circle.paths[1]));
        }
    }
    assert!(found.is_empty(), "files that use each other:\n  {}", found.join("\n  "));
}

/// The root files of the libraries and of the test and bench binaries.
fn target_roots() -> Vec<PathBuf> {
    let libraries = members().into_iter().map(|member| format!("{member}/src/lib.rs"));
    let others = ["tests/it/main.rs", "tests/bench/main.rs"].map(str::to_owned);
    libraries.chain(others).map(PathBuf::from).collect()
}

#[test]
fn a_circle_is_found_through_names_and_re_exports() {
    let found = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(file, text)| (PathBuf::from(file), (*text).to_owned())).collect();
        let circles = finder::circles(Path::new("src/lib.rs"), &files);
        circles.into_iter().map(|circle| circle.files).collect::<Vec<_>>()
    };
    let pair = [["src/a.rs".to_owned(), "src/b.rs".to_owned()]];
    let lib = ("src/lib.rs", "mod a; mod b; pub use a::A; pub use b::*;");
    for (a, b) in [
        ("use crate::b::B; pub struct A;", "use super::a::A; pub struct B;"),
        ("pub struct A; fn f() { g!(crate::b::B::new()) }", "use crate::A; pub struct B;"),
        ("use crate::B; pub struct A;", "use crate::a; pub struct B; fn f() -> a::A {}"),
        ("use crate::b; pub enum A { X } fn f() { b::f() }", "pub fn f() { crate::A::X; }"),
        ("use crate::b::*; pub struct A;", "pub struct B; impl B { fn f(_: crate::a::A) {} }"),
        (
            "#[macro_export] macro_rules! m { () => { $crate::b::B } } pub struct A;",
            "pub struct B; crate::m!();",
        ),
    ] {
        assert_eq!(found(&[lib, ("src/a.rs", a), ("src/b.rs", b)]), pair, "{a} {b}");
    }
    for (a, b) in [
        ("use crate::b::B; pub struct A;", "pub struct B;"),
        ("use crate::b::B; pub struct A;", "pub struct B; #[cfg(test)] mod t { use crate::A; }"),
        ("use crate::b::B; pub struct A;", "pub struct B; /// crate::a::A\n fn f() {}"),
        ("use crate::b; pub struct A;", "use crate::a; pub struct B;"),
        ("pub use crate::b::B; pub struct A;", "use crate::A; pub struct B;"),
    ] {
        assert!(found(&[lib, ("src/a.rs", a), ("src/b.rs", b)]).is_empty(), "{a} {b}");
    }
    let parent = ("src/a.rs", "mod b; pub struct A; pub use b::B;");
    let child = ("src/a/b.rs", "use super::A; pub struct B;");
    assert!(found(&[("src/lib.rs", "mod a; pub use a::{A, B};"), parent, child]).is_empty());
    let parent = ("src/a.rs", "mod b; pub struct A; fn f(_: b::B) {}");
    assert_eq!(found(&[("src/lib.rs", "mod a;"), parent, child]).len(), 1);
}
