//! Which file of a crate uses an item of which other file, read from the source, and the pairs
//! of files that use each other.
//!
//! Paths are read from tokens, so paths inside of macro calls count too. `use` declarations
//! give names to paths and are followed to the file that defines an item, through re-exports.
//! A re-export (`pub use`) is no use. Unit tests in `#[cfg(test)] mod … { … }` do not count.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A name that leads to itself ends here.
const MAX_DEPTH: usize = 32;

/// A module's path from the crate's root, without `crate`.
type ModulePath = Vec<String>;

/// A pair of files that use each other, with the paths by which they do.
pub struct Circle {
    pub files: [String; 2],
    pub paths: [BTreeSet<String>; 2],
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    items: BTreeSet<String>,
    children: BTreeSet<String>,
    /// The names that `use` gives, with their paths.
    names: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// Paths that are written in the module, re-exports excluded.
    paths: BTreeSet<Vec<String>>,
}

/// One crate target: a root file and the files below its folder.
struct Target {
    modules: BTreeMap<ModulePath, Module>,
    /// `#[macro_export]` puts these at the crate's root.
    exported_macros: BTreeMap<String, PathBuf>,
}

/// The circles of a target. `root` is its root file; `files` are its files with their text.
pub fn circles(root: &Path, files: &[(PathBuf, String)]) -> Vec<Circle> {
    let mut target = Target { modules: BTreeMap::new(), exported_macros: BTreeMap::new() };
    for (file, text) in files {
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        target.read_module(file, &module_path(root, file), tokens);
    }
    let uses = target.uses();
    let mut circles = Vec::new();
    for ((one, other), paths) in &uses {
        if let (true, Some(back)) = (one < other, uses.get(&(other.clone(), one.clone()))) {
            let files = [one, other].map(|file| file.display().to_string());
            circles.push(Circle { files, paths: [paths.clone(), back.clone()] });
        }
    }
    circles
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are the module `a::b`.
fn module_path(root: &Path, file: &Path) -> ModulePath {
    if file == root {
        return Vec::new();
    }
    let folder = root.parent().expect("a folder");
    let below = file.strip_prefix(folder).expect("a file of the target").with_extension("");
    let mut path: ModulePath =
        below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

impl Target {
    fn read_module(&mut self, file: &Path, path: &[String], tokens: TokenStream) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let mut inline = Vec::new();
        read_tokens(tokens, true, &mut module, &mut inline, &mut self.exported_macros);
        self.modules.insert(path.to_vec(), module);
        for (name, tokens) in inline {
            self.read_module(file, &[path, &[name]].concat(), tokens);
        }
    }

    /// For each pair of files the paths by which the first uses items of the second.
    fn uses(&self) -> BTreeMap<(PathBuf, PathBuf), BTreeSet<String>> {
        let mut uses: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (at, module) in &self.modules {
            for path in &module.paths {
                let Some(file) = self.defining_file(at, path, 0) else { continue };
                if file != module.file {
                    uses.entry((module.file.clone(), file)).or_default().insert(path.join("::"));
                }
            }
        }
        uses
    }

    /// The file that defines the item of a path that is written in module `at`; `None` for an
    /// item of another crate, and for a module.
    fn defining_file(&self, at: &[String], path: &[String], depth: usize) -> Option<PathBuf> {
        let (item, modules) = path.split_last()?;
        // The name may be in the middle: an associated function, or a variant of an enum.
        for length in (0..=modules.len()).rev() {
            let Some(module) = self.find_module(at, &path[..length], depth) else { continue };
            let name = path.get(length).unwrap_or(item);
            // A path that was written out leads to this module, even to what a macro defines.
            let is_written_out = length > 0;
            return self.defining_file_in(&module, name, is_written_out, depth + 1);
        }
        None
    }

    /// The file that defines an item of a module, itself or by a re-export.
    fn defining_file_in(
        &self,
        at: &[String],
        name: &String,
        is_written_out: bool,
        depth: usize,
    ) -> Option<PathBuf> {
        let module = self.modules.get(at).filter(|_| depth < MAX_DEPTH)?;
        if name == "*" {
            return (!module.items.is_empty()).then(|| module.file.clone());
        }
        if module.items.contains(name) {
            return Some(module.file.clone());
        }
        if module.children.contains(name) {
            return None;
        }
        if let Some(target) = module.names.get(name) {
            let is_own_name = target.len() == 1 && target[0] == *name;
            return (!is_own_name).then(|| self.defining_file(at, target, depth + 1)).flatten();
        }
        if let (true, Some(file)) = (at.is_empty(), self.exported_macros.get(name)) {
            return Some(file.clone());
        }
        let globs = module.globs.iter().filter_map(|glob| self.find_module(at, glob, depth + 1));
        let by_glob = globs
            .filter(|glob| glob != at)
            .find_map(|glob| self.defining_file_in(&glob, name, false, depth + 1));
        by_glob.or_else(|| is_written_out.then(|| module.file.clone()))
    }

    /// The module that a path leads to, if every part of it is a module.
    fn find_module(&self, at: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let Some((first, rest)) = path.split_first() else { return Some(at.to_vec()) };
        let module = self.modules.get(at).filter(|_| depth < MAX_DEPTH)?;
        let next = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.to_vec(),
            "super" => at.split_last()?.1.to_vec(),
            _ if module.children.contains(first) => [at, &path[..1]].concat(),
            _ => {
                let target = module.names.get(first)?;
                let is_own_name = target.first() == Some(first);
                return (!is_own_name)
                    .then(|| [target.as_slice(), rest].concat())
                    .and_then(|path| self.find_module(at, &path, depth + 1));
            }
        };
        self.find_module(&next, rest, depth + 1)
    }
}

/// Reads the tokens of a module. Inline modules are collected, to be read as modules of their own.
fn read_tokens(
    tokens: TokenStream,
    is_top: bool,
    module: &mut Module,
    inline: &mut Vec<(String, TokenStream)>,
    exported: &mut BTreeMap<String, PathBuf>,
) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut index, mut is_test, mut is_exported, mut is_public) = (0, false, false, false);
    while index < tokens.len() {
        let after_colons = index > 1 && is_colons(&tokens[index - 2..]);
        match &tokens[index] {
            TokenTree::Group(group) => {
                let attribute = index > 0 && is_punct(&tokens[index - 1], '#');
                let text = group.stream().to_string().replace(' ', "");
                is_test |= attribute && text == "cfg(test)";
                is_exported |= attribute && text == "macro_export";
                read_tokens(group.stream(), false, module, inline, exported);
                let ends_an_item = group.delimiter() == Delimiter::Brace;
                if ends_an_item {
                    (is_test, is_exported, is_public) = (false, false, false);
                }
            }
            TokenTree::Ident(ident) if !after_colons => {
                let word = name(ident);
                let next = tokens.get(index + 1);
                match (word.as_str(), next) {
                    ("use", Some(next)) if !is_punct(next, '<') => {
                        let end = index + find_punct(&tokens[index..], ';');
                        read_use(&tokens[index + 1..end], &mut Vec::new(), module, is_public);
                        index = end;
                        (is_test, is_public) = (false, false);
                    }
                    ("pub", _) => is_public = true,
                    ("mod", Some(TokenTree::Ident(child))) => {
                        match tokens.get(index + 2) {
                            Some(TokenTree::Group(body)) => {
                                module.children.insert(name(child));
                                if !is_test {
                                    inline.push((name(child), body.stream()));
                                }
                                index += 2;
                            }
                            _ => drop(module.children.insert(name(child))),
                        }
                        (is_test, is_public) = (false, false);
                    }
                    (
                        "struct" | "enum" | "union" | "trait" | "fn" | "type" | "const" | "static",
                        Some(TokenTree::Ident(item)),
                    ) => {
                        if is_top {
                            module.items.insert(name(item));
                        }
                        is_public = false;
                    }
                    ("macro_rules", _) => {
                        if let Some(TokenTree::Ident(item)) = tokens.get(index + 2) {
                            module.items.insert(name(item));
                            if is_exported {
                                exported.insert(name(item), module.file.clone());
                            }
                        }
                    }
                    _ => {
                        let (path, end) = read_path(&tokens, index);
                        if path.len() > 1 {
                            module.paths.insert(path);
                        }
                        index = end - 1;
                    }
                }
            }
            _ => {}
        }
        index += 1;
    }
}

/// The path that begins here, and the index behind it.
fn read_path(tokens: &[TokenTree], mut index: usize) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    while let Some(TokenTree::Ident(ident)) = tokens.get(index) {
        path.push(name(ident));
        index += 1;
        let continues = tokens.get(index..).is_some_and(is_colons)
            && matches!(tokens.get(index + 2), Some(TokenTree::Ident(_)));
        if !continues {
            break;
        }
        index += 2;
    }
    (path, index)
}

/// A `use` tree, whose parts so far are in `prefix`.
fn read_use(tokens: &[TokenTree], prefix: &mut Vec<String>, module: &mut Module, is_public: bool) {
    let begin = prefix.len();
    let mut index = 0;
    while index < tokens.len() {
        match &tokens[index] {
            TokenTree::Ident(ident) if ident == "as" => {
                if let Some(TokenTree::Ident(alias)) = tokens.get(index + 1) {
                    add_name(module, name(alias), prefix, is_public);
                }
                prefix.truncate(begin);
                index += 1;
            }
            TokenTree::Ident(ident) => {
                prefix.push(name(ident));
                let next = tokens.get(index + 1);
                let ends = next.is_none_or(|next| is_punct(next, ','));
                if ends {
                    // `a::{self}` names `a`.
                    if prefix.len() > 1 && prefix.last().is_some_and(|last| last == "self") {
                        prefix.pop();
                    }
                    let last = prefix.last().cloned().unwrap_or_default();
                    add_name(module, last, prefix, is_public);
                    prefix.truncate(begin);
                }
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                // Each part of the braces continues the whole prefix.
                let mut parts = inner.split(|token| is_punct(token, ','));
                parts.by_ref().for_each(|part| {
                    read_use(part, &mut prefix.clone(), module, is_public);
                });
                prefix.truncate(begin);
            }
            TokenTree::Punct(star) if star.as_char() == '*' => {
                module.globs.push(prefix.clone());
                if !is_public {
                    module.paths.insert([prefix.as_slice(), &["*".to_owned()]].concat());
                }
                prefix.truncate(begin);
            }
            _ => {}
        }
        index += 1;
    }
}

fn add_name(module: &mut Module, name: String, path: &[String], is_public: bool) {
    if !is_public {
        module.paths.insert(path.to_vec());
    }
    module.names.insert(name, path.to_vec());
}

fn name(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [one, other, ..] if is_punct(one, ':') && is_punct(other, ':'))
}

fn find_punct(tokens: &[TokenTree], character: char) -> usize {
    let found = tokens.iter().position(|token| is_punct(token, character));
    found.unwrap_or(tokens.len() - 1)
}
