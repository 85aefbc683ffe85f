//! The routes of `cargo lambda watch`, in the root Cargo.toml.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::operation::Operation;

const BEGIN: &str = "# begin of what `cargo local generate` writes\n";
const END: &str = "# end of what `cargo local generate` writes\n";
/// What no operation's path matches, as the gateway's $default route does it.
const FALLBACK: &str = "\"/\" = \"platform\"\n\"/{*rest}\" = \"platform\"\n";

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("the root Cargo.toml lacks the line {:?}", line.trim_end())]
    NoMarker { line: &'static str },
    #[error("{path} is a path of two functions, {one} and {other}: each path has one function")]
    TwoFunctions { path: String, one: &'static str, other: &'static str },
}

/// The manifest with the routes of these operations between its markers.
pub(super) fn with_routes(manifest: &str, operations: &[Operation]) -> Result<String, WatchError> {
    let (before, rest) = manifest.split_once(BEGIN).ok_or(WatchError::NoMarker { line: BEGIN })?;
    let (_, after) = rest.split_once(END).ok_or(WatchError::NoMarker { line: END })?;
    Ok(format!("{before}{BEGIN}{}{FALLBACK}{END}{after}", routes(operations)?))
}

/// One line per path, for all methods: a function answers 405 to methods that it does not route.
fn routes(operations: &[Operation]) -> Result<String, WatchError> {
    let mut functions: BTreeMap<&str, &'static str> = BTreeMap::new();
    let mut text = String::new();
    for Operation { function, path, .. } in operations {
        match functions.insert(path, function) {
            None => {
                // Writing to a String does not fail.
                let _ = writeln!(text, "\"{path}\" = \"{function}\"");
            }
            Some(one) if one != *function => {
                return Err(WatchError::TwoFunctions { path: path.clone(), one, other: function });
            }
            Some(_) => {}
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(function: &'static str, method: &str, path: &str) -> Operation {
        Operation {
            function,
            id: String::new(),
            method: method.to_owned(),
            path: path.to_owned(),
            spec: serde_json::Value::Null,
        }
    }

    #[test]
    fn routes_are_replaced_between_the_markers() -> Result<(), WatchError> {
        let manifest = format!("a = 1\n{BEGIN}\"/old\" = \"old\"\n{END}b = 2\n");
        let operations = [operation("login", "GET", "/x"), operation("login", "POST", "/x")];
        let written = with_routes(&manifest, &operations)?;
        let expected = format!("a = 1\n{BEGIN}\"/x\" = \"login\"\n{FALLBACK}{END}b = 2\n");
        assert_eq!(written, expected);
        assert_eq!(with_routes(&written, &operations)?, written);
        Ok(())
    }

    #[test]
    fn a_path_of_two_functions_is_refused() {
        let operations = [operation("login", "GET", "/x"), operation("verify", "POST", "/x")];
        let refused = with_routes(&format!("{BEGIN}{END}"), &operations);
        assert!(matches!(refused, Err(WatchError::TwoFunctions { .. })));
        assert!(matches!(with_routes("", &[]), Err(WatchError::NoMarker { .. })));
    }
}
