//! A statement: its name, its SQL with named placeholders, the types of its parameters; and
//! its rows, whose columns are read by name.
//!
//! A placeholder is `:name`. It becomes `$n`, where n is the parameter's place in the
//! declaration. Casts (`::uuid`), quoted text and comments stay as they are.

use std::fmt::Write as _;
use std::sync::LazyLock;

use tokio_postgres::types::{FromSql, ToSql, Type};

use super::error::StoreError;
use super::pool::Connection;

/// A value for the placeholder of that name.
pub type Parameter<'a> = (&'static str, &'a (dyn ToSql + Sync));

/// Values in the order of the statement's declaration, with their types.
pub struct Bound<'a>(Vec<(&'a (dyn ToSql + Sync), Type)>);

/// Statements are statics: their text is put together on first use.
pub type LazyStatement = LazyLock<Statement>;

/// One SQL statement, expanded once.
#[derive(Debug)]
pub struct Statement {
    name: &'static str,
    sql: String,
    types: Vec<(&'static str, Type)>,
    /// Whether it may write to the outbox.
    queues: bool,
    /// The column that says whether it did. Without one, any row says so.
    queued_when: Option<&'static str>,
}

impl Statement {
    /// Expands the placeholders of `template`. Every placeholder is declared in `types`, and
    /// every declared parameter is used.
    pub(crate) fn new(
        name: &'static str,
        template: &str,
        types: impl Into<Vec<(&'static str, Type)>>,
    ) -> Self {
        let types = types.into();
        let (sql, faults) = expand(template, &types);
        debug_assert_eq!(faults, Vec::<String>::new(), "parameters of {name}");
        let queues = sql.contains("INSERT INTO auth.outbox");
        Self { name, sql, types, queues, queued_when: None }
    }

    /// This column of its rows says whether the statement has queued events.
    pub(crate) fn queued_when(self, column: &'static str) -> Self {
        Self { queued_when: Some(column), ..self }
    }

    /// Whether it writes to the outbox, each time or sometimes.
    pub(super) const fn queues(&self) -> bool {
        self.queues
    }

    /// Whether events are queued, should what returned these rows be committed.
    pub(super) fn has_queued(&self, rows: &[Row]) -> bool {
        let says_so = |row: &Row| match self.queued_when {
            Some(column) => row.get(column).unwrap_or(true),
            None => true,
        };
        self.queues && rows.iter().any(says_so)
    }

    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The text with `$1` to `$n`, as it is sent.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The names and types of `$1` to `$n`.
    #[must_use]
    pub fn types(&self) -> &[(&'static str, Type)] {
        &self.types
    }

    /// Puts values into the declared order. A missing or surplus name is an error.
    pub(crate) fn bind<'a>(&self, parameters: &[Parameter<'a>]) -> Result<Bound<'a>, StoreError> {
        let bound = self.values(parameters);
        let fault = bound.as_ref().err().map(ToString::to_string);
        debug_assert_eq!(fault, None, "names of the parameters");
        bound
    }

    fn values<'a>(&self, parameters: &[Parameter<'a>]) -> Result<Bound<'a>, StoreError> {
        let fault = |parameter| StoreError::Parameters { statement: self.name, parameter };
        let mut values = Vec::with_capacity(self.types.len());
        for (name, of) in &self.types {
            let given = parameters.iter().find(|(given, _)| given == name);
            let (_, value) = given.ok_or_else(|| fault(name))?;
            values.push((*value, of.clone()));
        }
        if parameters.len() != values.len() {
            let declared = |given| self.types.iter().any(|(name, _)| *name == given);
            let surplus = parameters.iter().find(|(given, _)| !declared(*given));
            return Err(fault(surplus.map_or("a name is given twice", |(given, _)| given)));
        }
        Ok(Bound(values))
    }

    /// Sends the statement. It is on its way when the future was polled once: of several
    /// futures that are polled in order, the statements reach Postgres in that order.
    ///
    /// On a connection's first use it is sent with its text, and prepared behind that in the
    /// same round trip. Later uses are neither parsed nor planned.
    pub(super) async fn send(
        &'static self,
        connection: &Connection,
        bound: &Bound<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.name;
        connection.note_sent();
        let rows = self.query(connection, bound).await;
        connection.note_answered();
        let rows =
            rows.map_err(|error| StoreError::Statement { statement, source: error.into() })?;
        Ok(rows.into_iter().map(|row| Row { row, statement }).collect())
    }

    async fn query(
        &'static self,
        connection: &Connection,
        bound: &Bound<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let (client, key) = (connection.client(), std::ptr::from_ref(self).addr());
        if let Some(prepared) = connection.prepared(key) {
            let values: Vec<_> = bound.0.iter().map(|(value, _)| *value).collect();
            return client.query(&prepared, &values).await;
        }
        if !connection.prepares() {
            return client.query_typed(&self.sql, &bound.0).await;
        }
        let types: Vec<Type> = self.types.iter().map(|(_, of)| of.clone()).collect();
        let (rows, prepared) = tokio::join!(
            biased;
            client.query_typed(&self.sql, &bound.0),
            client.prepare_typed(&self.sql, &types),
        );
        // Behind a statement that failed in a transaction it fails too: the next use tries.
        if let Ok(prepared) = prepared {
            connection.remember(key, prepared);
        }
        rows
    }

    /// The first row, of a statement that always returns one.
    pub(crate) fn one<R>(&self, rows: Vec<R>) -> Result<R, StoreError> {
        let what = "no row";
        rows.into_iter().next().ok_or(StoreError::UnexpectedData { statement: self.name, what })
    }

    /// An error about a value that this statement returned.
    pub(crate) fn unexpected(&self, what: &'static str) -> StoreError {
        StoreError::UnexpectedData { statement: self.name, what }
    }
}

/// A row, which knows the statement that returned it.
#[derive(Debug)]
pub struct Row {
    row: tokio_postgres::Row,
    statement: &'static str,
}

impl Row {
    /// The column of that name.
    pub fn get<'a, T: FromSql<'a>>(&'a self, column: &'static str) -> Result<T, StoreError> {
        let unexpected = |_| StoreError::UnexpectedData { statement: self.statement, what: column };
        self.row.try_get(column).map_err(unexpected)
    }
}

/// What a statement returns, read from its columns.
pub trait FromRow: Sized {
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

/// Of a statement that is sent for what it does.
impl FromRow for () {
    fn from_row(_: &Row) -> Result<Self, StoreError> {
        Ok(())
    }
}

pub(crate) fn read_all<R: FromRow>(rows: &[Row]) -> Result<Vec<R>, StoreError> {
    rows.iter().map(R::from_row).collect()
}

/// Declares a row struct: each field is read from the column of its name.
macro_rules! row_struct {
    ($(#[$meta:meta])* $seen:vis struct $name:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$meta])*
        $seen struct $name {
            $($seen $field: $kind),+
        }

        impl $crate::store::statement::FromRow for $name {
            fn from_row(
                row: &$crate::store::statement::Row,
            ) -> Result<Self, $crate::store::error::StoreError> {
                Ok(Self { $($field: row.get(stringify!($field))?),+ })
            }
        }
    };
}
pub(crate) use row_struct;

/// The text with `$n` for each placeholder, and the names that are not declared or not used.
fn expand(template: &str, types: &[(&'static str, Type)]) -> (String, Vec<String>) {
    let (mut sql, mut rest) = (String::with_capacity(template.len()), template);
    let (mut used, mut faults) = (vec![false; types.len()], Vec::new());
    while let Some(at) = rest.find([':', '\'', '"', '-']) {
        let (before, from) = rest.split_at(at);
        sql.push_str(before);
        let name = placeholder(from);
        let length = if name.is_empty() { verbatim(from) } else { 1 + name.len() };
        let (token, after) = from.split_at(length);
        if let Some(index) = types.iter().position(|(declared, _)| *declared == name) {
            used[index] = true;
            let _ = write!(sql, "${}", index + 1);
        } else {
            sql.push_str(token);
            if !name.is_empty() {
                faults.push(format!("{name} is not declared"));
            }
        }
        rest = after;
    }
    sql.push_str(rest);
    let unused = types.iter().zip(used).filter(|(_, used)| !used);
    faults.extend(unused.map(|((name, _), _)| format!("{name} is not used")));
    (sql, faults)
}

/// The name of the placeholder that the text starts with, if it starts with one.
fn placeholder(text: &str) -> &str {
    let Some(name) = text.strip_prefix(':') else { return "" };
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return "";
    }
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let end = name.find(|c| !part(c)).unwrap_or(name.len());
    &name[..end]
}

/// The length of what the text starts with and what is taken over as it is: a cast, a
/// comment, quoted text, or a single character.
fn verbatim(text: &str) -> usize {
    let until = |end: char| text[1..].find(end).map_or(text.len(), |at| at + 2);
    match text.as_bytes() {
        [b':', b':', ..] => 2,
        [b'-', b'-', ..] => until('\n'),
        [b'\'', ..] => until('\''),
        [b'"', ..] => until('"'),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Statement, Type, expand};
    use crate::store::error::StoreError;

    fn expanded(template: &str, names: &[&'static str]) -> (String, Vec<String>) {
        let types: Vec<_> = names.iter().map(|name| (*name, Type::TEXT)).collect();
        expand(template, &types)
    }

    #[test]
    fn placeholders_become_numbers_in_the_order_of_their_declaration() {
        let template = "SELECT :b::uuid, :a, :b::text[], x::text, :a_1 WHERE c=:a";
        let (sql, faults) = expanded(template, &["a", "b", "a_1"]);
        assert_eq!(sql, "SELECT $2::uuid, $1, $2::text[], x::text, $3 WHERE c=$1");
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn quotes_comments_and_slices_stay_as_they_are() {
        let text = "SELECT ':a', 'it''s :a', \":a\", x[1:2], 1 - 1, -- it's :a\n 'é:a' -- :a";
        assert_eq!(expanded(text, &[]), (text.to_owned(), Vec::new()));
    }

    #[test]
    fn undeclared_and_unused_names_are_faults() {
        let (sql, faults) = expanded("SELECT :a, :b", &["b", "c"]);
        assert_eq!(sql, "SELECT :a, $1");
        assert_eq!(faults, ["a is not declared", "c is not used"]);
    }

    #[test]
    fn values_are_bound_by_name_and_no_name_may_be_missing_or_surplus() {
        let statement =
            Statement::new("find_row", "SELECT :a, :b", [("a", Type::TEXT), ("b", Type::INT4)]);
        let refused = |given: &[super::Parameter<'_>]| match statement.values(given) {
            Err(StoreError::Parameters { statement: "find_row", parameter }) => Some(parameter),
            _ => None,
        };
        let bound = statement.values(&[("b", &1), ("a", &"x")]).map(|bound| {
            bound.0.into_iter().map(|(value, of)| format!("{value:?} {of}")).collect::<Vec<_>>()
        });
        assert_eq!(bound.unwrap(), ["\"x\" text", "1 int4"]);
        assert_eq!(refused(&[("a", &"x")]), Some("b"));
        assert_eq!(refused(&[("a", &"x"), ("b", &1), ("c", &1)]), Some("c"));
        assert_eq!(refused(&[("a", &"x"), ("b", &1), ("a", &1)]), Some("a name is given twice"));
    }
}
