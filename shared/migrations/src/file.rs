//! The folder of migrations: names, checksums, and how each file is executed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::error::MigrationError;
use crate::sql::{Statement, statements};

/// How the statements of a file are executed. The first line of the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No mark: the whole file and its row of the history are one transaction.
    Transaction,
    /// `-- no-transaction`: each statement by itself. A run that fails between two of them
    /// executes the file from its start, so each statement can be repeated.
    NoTransaction,
    /// `-- batches`: the one statement is repeated until it changes or returns no row. Each
    /// time is a transaction of its own.
    Batches,
}

/// One SQL file, of the way up or of the way back.
pub struct Script {
    pub mode: Mode,
    pub text: String,
    pub statements: Vec<Statement>,
}

/// A migration of the folder.
pub struct MigrationFile {
    pub version: i32,
    pub name: String,
    /// SHA-256 of the file that applies it, in hexadecimal.
    pub checksum: String,
    pub up: Script,
}

impl std::fmt::Display for MigrationFile {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "V{:04}__{}", self.version, self.name)
    }
}

/// A file of a build: its name and its text.
pub type PackedFile = (&'static str, &'static str);

/// All migrations of the folder, oldest first.
pub fn read_folder(folder: &Path) -> Result<Vec<MigrationFile>, MigrationError> {
    let failed = |source| MigrationError::File { file: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if applies(&name) {
            files.push(MigrationFile::parse(&name, read(folder, &name)?)?);
        }
    }
    in_order(files)
}

/// All migrations of a build, oldest first.
pub fn read_packed(packed: &[PackedFile]) -> Result<Vec<MigrationFile>, MigrationError> {
    let up = packed.iter().filter(|(name, _)| applies(name));
    let files = up.map(|(name, text)| MigrationFile::parse(name, (*text).to_owned()));
    in_order(files.collect::<Result<_, _>>()?)
}

/// Whether a file applies a migration. Others revert one, or are none.
fn applies(name: &str) -> bool {
    name.strip_suffix(".sql").is_some_and(|stem| stem.strip_suffix(".down").is_none())
}

fn in_order(mut files: Vec<MigrationFile>) -> Result<Vec<MigrationFile>, MigrationError> {
    files.sort_by_key(|file| file.version);
    match files.windows(2).find(|pair| pair[0].version == pair[1].version) {
        Some(pair) => Err(MigrationError::Invalid {
            file: pair[1].to_string(),
            reason: "another migration has its number",
        }),
        None => Ok(files),
    }
}

/// The file `name` of the build or of the folder, which may be a way back.
pub fn read_script(
    folder: &Path,
    packed: Option<&[PackedFile]>,
    name: &str,
) -> Result<Script, MigrationError> {
    let packed = packed.and_then(|files| files.iter().find(|(packed, _)| *packed == name));
    let text = packed.map_or_else(|| read(folder, name), |(_, text)| Ok((*text).to_owned()))?;
    Script::parse(name, text)
}

/// Writes both files of a new migration and returns their names.
pub fn create(folder: &Path, name: &str) -> Result<[String; 2], MigrationError> {
    if !is_plain(name) {
        return Err(MigrationError::Name(name.to_owned()));
    }
    let version = read_folder(folder)?.last().map_or(0, |file| file.version) + 1;
    let stem = format!("V{version:04}__{name}");
    let files = [format!("{stem}.sql"), format!("{stem}.down.sql")];
    let texts = [
        "-- What changes. The release before this one must still run on it: docs/migrations.md.\n",
        "-- Reverts it.\n",
    ];
    for (file, text) in files.iter().zip(texts) {
        let file = folder.join(file);
        fs::write(&file, text).map_err(|source| MigrationError::File { file, source })?;
    }
    Ok(files)
}

fn read(folder: &Path, name: &str) -> Result<String, MigrationError> {
    let file = folder.join(name);
    fs::read_to_string(&file).map_err(|source| MigrationError::File { file, source })
}

fn parse_name(file: &str) -> Option<(i32, &str)> {
    let (number, name) = file.strip_prefix('V')?.strip_suffix(".sql")?.split_once("__")?;
    let digits = number.len() >= 4 && number.bytes().all(|digit| digit.is_ascii_digit());
    (digits && is_plain(name)).then_some((number.parse().ok()?, name))
}

/// A name that needs no quotes.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

fn checksum(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl MigrationFile {
    fn parse(file: &str, text: String) -> Result<Self, MigrationError> {
        let (version, title) = parse_name(file).ok_or_else(|| MigrationError::Invalid {
            file: file.to_owned(),
            reason: "its name is not V0001__name.sql",
        })?;
        let (name, checksum) = (title.to_owned(), checksum(&text));
        Ok(Self { version, name, checksum, up: Script::parse(file, text)? })
    }
}

impl Script {
    /// Refuses what would only fail halfway, or never end.
    fn parse(file: &str, text: String) -> Result<Self, MigrationError> {
        let mode = match text.lines().next().map(str::trim_end) {
            Some("-- no-transaction") => Mode::NoTransaction,
            Some("-- batches") => Mode::Batches,
            _ => Mode::Transaction,
        };
        let statements = statements(&text);
        let fault = match mode {
            Mode::Transaction => statements.iter().find_map(fault_in_transaction),
            Mode::NoTransaction => statements.iter().find_map(fault_outside_of_transaction),
            Mode::Batches => match &statements[..] {
                [statement] => fault_in_batch(statement),
                _ => Some("a file of batches holds one statement"),
            },
        };
        match fault {
            Some(reason) => Err(MigrationError::Invalid { file: file.to_owned(), reason }),
            None => Ok(Self { mode, text, statements }),
        }
    }
}

fn fault_in_transaction(statement: &Statement) -> Option<&'static str> {
    let words = statement.words();
    if words.iter().any(|word| word == "concurrently") {
        return Some("CONCURRENTLY needs the first line `-- no-transaction`");
    }
    ends_transaction(&words)
}

fn fault_outside_of_transaction(statement: &Statement) -> Option<&'static str> {
    let words = statement.words();
    let creates = matches!(words.first().map(String::as_str), Some("create" | "drop"));
    if creates
        && !words.windows(2).any(|pair| pair[0] == "if" && ["not", "exists"].contains(&&*pair[1]))
    {
        return Some(
            "outside of a transaction, CREATE needs IF NOT EXISTS and DROP needs IF EXISTS",
        );
    }
    ends_transaction(&words)
}

fn fault_in_batch(statement: &Statement) -> Option<&'static str> {
    let words = statement.words();
    let verb =
        words.iter().find(|word| ["select", "insert", "update", "delete"].contains(&word.as_str()));
    // One SELECT count(*) would return a row for ever.
    match verb.map(String::as_str) {
        Some("select") if !statement.has_after() => Some("a batch that SELECTs uses :after"),
        Some(_) => None,
        None => Some("a batch is a SELECT, INSERT, UPDATE or DELETE"),
    }
}

fn ends_transaction(words: &[String]) -> Option<&'static str> {
    const COMMANDS: [&str; 6] = ["begin", "start", "commit", "end", "rollback", "abort"];
    let command = words.first().is_some_and(|first| COMMANDS.contains(&first.as_str()));
    command.then_some("a migration does not begin or end transactions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Mode, &'static str> {
        match Script::parse("V0001__x.sql", text.to_owned()) {
            Ok(script) => Ok(script.mode),
            Err(MigrationError::Invalid { reason, .. }) => Err(reason),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_first_line_marks_a_file() {
        for (text, mode) in [
            ("ALTER TABLE a ADD b int", Mode::Transaction),
            ("-- What changes.\n-- no-transaction\nSELECT 1", Mode::Transaction),
            (
                "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
                Mode::NoTransaction,
            ),
            ("-- no-transaction \r\nALTER TABLE a VALIDATE CONSTRAINT b", Mode::NoTransaction),
            ("-- batches\nUPDATE t SET a = 1 WHERE a IS NULL;", Mode::Batches),
            ("-- batches\nWITH b AS (SELECT 1) UPDATE t SET a = 1 FROM b", Mode::Batches),
            (
                "-- batches\nWITH b AS (UPDATE t SET a = 1) SELECT id FROM b WHERE id > :after",
                Mode::Batches,
            ),
        ] {
            assert_eq!(parsed(text), Ok(mode), "{text}");
        }
    }

    #[test]
    fn what_cannot_end_well_is_refused() {
        for text in [
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            "ALTER TABLE a ADD b int; COMMIT;",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a)",
            "-- no-transaction\nDROP INDEX CONCURRENTLY i",
            "-- no-transaction\nBEGIN; UPDATE t SET a = 1; COMMIT",
            "-- batches\nUPDATE t SET a = 1; UPDATE t SET b = 1",
            "-- batches\nWITH b AS (UPDATE t SET a = 1 RETURNING 1) SELECT count(*) FROM b",
            "-- batches\nVACUUM t",
            "-- batches\n",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_have_a_number_of_four_digits() {
        assert_eq!(parse_name("V0012__a_b1.sql"), Some((12, "a_b1")));
        for bad in ["V1__a.sql", "0001__a.sql", "V0001_a.sql", "V0001__A.sql", "V0001__.sql"] {
            assert_eq!(parse_name(bad), None, "{bad}");
        }
    }
}
