//! Splits a file into its statements, and finds in a statement what the runner must know.
//! Quotes, dollar quotes and comments are skipped; everything else is left to Postgres.

/// One statement, without its semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    text: String,
}

/// An index that a statement builds concurrently.
#[derive(Debug, PartialEq, Eq)]
pub struct ConcurrentIndex {
    pub name: String,
    /// As the statement names it: with its schema, if it has one.
    pub table: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    /// `"a name"`
    Name,
    /// A string, in quotes of any kind.
    Text,
    Comment,
    Space,
    /// `:after`
    After,
    Symbol,
}

const AFTER: &str = ":after";

/// The statements of a file. One that is empty, or a comment alone, is left out.
pub fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut current = String::new();
    for (kind, part) in tokens(text) {
        if kind == Kind::Symbol && part == ";" {
            found.push(std::mem::take(&mut current));
        } else if kind != Kind::Comment {
            current.push_str(part);
        }
    }
    found.push(current);
    let trimmed = found.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    trimmed.map(|text| Statement { text: text.to_owned() }).collect()
}

impl Statement {
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The words outside of parentheses and quotes, in lower case.
    pub fn words(&self) -> Vec<String> {
        let (mut words, mut depth) = (Vec::new(), 0_usize);
        for (kind, part) in tokens(&self.text) {
            match (kind, part) {
                (Kind::Symbol, "(") => depth += 1,
                (Kind::Symbol, ")") => depth = depth.saturating_sub(1),
                (Kind::Word, word) if depth == 0 => words.push(word.to_ascii_lowercase()),
                _ => {}
            }
        }
        words
    }

    /// Whether the statement walks over a table: `:after` is the last key of the batch before.
    pub fn has_after(&self) -> bool {
        tokens(&self.text).any(|(kind, _)| kind == Kind::After)
    }

    /// The statement with the last key in place of `:after`; NULL in the first batch.
    pub fn after(&self, key: Option<&str>) -> String {
        let key = key.map_or("NULL".to_owned(), |key| format!("'{}'", key.replace('\'', "''")));
        let parts = tokens(&self.text);
        parts.map(|(kind, part)| if kind == Kind::After { key.as_str() } else { part }).collect()
    }

    /// The index, if this is CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON table.
    pub fn concurrent_index(&self) -> Option<ConcurrentIndex> {
        let mut parts = tokens(&self.text).filter(|(kind, _)| *kind != Kind::Space).peekable();
        let mut next_is = |word: &str| {
            parts
                .next_if(|(kind, part)| *kind == Kind::Word && part.eq_ignore_ascii_case(word))
                .is_some()
        };
        let creates = next_is("create") && (next_is("unique"), next_is("index")).1;
        if !creates || !next_is("concurrently") {
            return None;
        }
        let _ = next_is("if") && next_is("not") && next_is("exists");
        let name = match parts.next()? {
            (Kind::Word, name) => name.to_ascii_lowercase(),
            (Kind::Name, name) => name.trim_matches('"').replace("\"\"", "\""),
            _ => return None,
        };
        parts.next_if(|(_, part)| part.eq_ignore_ascii_case("on"))?;
        let _ = parts.next_if(|(_, part)| part.eq_ignore_ascii_case("only"));
        let mut table = String::new();
        while let Some((_, part)) = parts.next_if(|(kind, part)| {
            matches!(kind, Kind::Word | Kind::Name) && !part.eq_ignore_ascii_case("using")
                || *part == "."
        }) {
            table.push_str(part);
        }
        Some(ConcurrentIndex { name, table })
    }

    /// Whether Postgres executes this without a lock that requests wait behind.
    pub fn is_concurrent(&self) -> bool {
        self.words().iter().any(|word| word == "concurrently")
    }
}

fn tokens(text: &str) -> impl Iterator<Item = (Kind, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (kind, length) = first(rest)?;
        let (token, after) = rest.split_at(length);
        rest = after;
        Some((kind, token))
    })
}

/// The kind and the length of the token that the text starts with. One that does not end
/// extends to the end of the text: Postgres refuses it.
fn first(text: &str) -> Option<(Kind, usize)> {
    let character = text.chars().next()?;
    let until = |from: usize, end: &str| {
        text.get(from..)
            .and_then(|rest| rest.find(end))
            .map_or(text.len(), |at| from + at + end.len())
    };
    let span = |part: fn(char) -> bool| text.find(|c| !part(c)).unwrap_or(text.len());
    Some(match character {
        '-' if text.starts_with("--") => (Kind::Comment, span(|c| c != '\n')),
        '/' if text.starts_with("/*") => (Kind::Comment, block_comment(text)),
        '\'' => (Kind::Text, until(1, "'")),
        'e' | 'E' if text[1..].starts_with('\'') => (Kind::Text, escaped_text(text)),
        '"' => (Kind::Name, until(1, "\"")),
        '$' => match dollar_tag(text) {
            Some(tag) => (Kind::Text, until(tag.len(), tag)),
            None => (Kind::Symbol, 1),
        },
        ':' if text.starts_with("::") => (Kind::Symbol, 2),
        ':' if text.starts_with(AFTER) && !text[AFTER.len()..].starts_with(in_word) => {
            (Kind::After, AFTER.len())
        }
        c if c.is_whitespace() => (Kind::Space, span(char::is_whitespace)),
        c if in_word(c) => (Kind::Word, span(in_word)),
        c => (Kind::Symbol, c.len_utf8()),
    })
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Comments of this kind nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            return at.min(text.len());
        }
    }
}

/// `E'it\'s'`
fn escaped_text(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(2).find(|(_, c)| {
        let ends = *c == '\'' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// `$$` or `$tag$`, if the text starts with one.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find(|c| !in_word(c))? + 1;
    let number = text[1..].starts_with(|c: char| c.is_ascii_digit());
    (text[end..].starts_with('$') && !number).then_some(&text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        statements(sql).into_iter().map(|statement| statement.text).collect()
    }

    fn one(sql: &str) -> Statement {
        Statement { text: sql.to_owned() }
    }

    #[test]
    fn a_file_is_split_at_semicolons_outside_of_quotes_and_comments() {
        assert_eq!(
            texts(
                "-- no; comment\nSELECT 1; /* a; /* b; */ c; */ SELECT 2;;\n\
                 SELECT ';', 'it''s;', E'\\';', \"a;\"\"b\", $$;$$, $f$ ; $g$ ; $f$, a$1;\n\
                 SELECT 'é;é' -- last\n"
            ),
            [
                "SELECT 1",
                "SELECT 2",
                "SELECT ';', 'it''s;', E'\\';', \"a;\"\"b\", $$;$$, $f$ ; $g$ ; $f$, a$1",
                "SELECT 'é;é'"
            ]
        );
        for empty in ["", " \n", "-- nothing", ";;", "/* never closed ; ", "/*"] {
            assert!(texts(empty).is_empty(), "{empty}");
        }
        assert_eq!(texts("SELECT 'open ; "), ["SELECT 'open ;"]);
    }

    #[test]
    fn words_are_those_outside_of_parentheses() {
        let sql = "WITH a AS (SELECT b FROM c) Update d SET e = 'delete'";
        assert_eq!(one(sql).words(), ["with", "a", "as", "update", "d", "set", "e"]);
    }

    #[test]
    fn the_last_key_replaces_its_placeholder() {
        let walk = one("SELECT id FROM t WHERE id > :after::uuid AND ':after' <> a[1:after_all]");
        assert!(walk.has_after() && !one("SELECT ':after', :afterwards").has_after());
        let rest = "AND ':after' <> a[1:after_all]";
        assert_eq!(walk.after(None), format!("SELECT id FROM t WHERE id > NULL::uuid {rest}"));
        assert_eq!(
            walk.after(Some("it's")),
            format!("SELECT id FROM t WHERE id > 'it''s'::uuid {rest}")
        );
    }

    #[test]
    fn a_concurrent_index_is_recognised() {
        let index = |name: &str, table: &str| {
            Some(ConcurrentIndex { name: name.to_owned(), table: table.to_owned() })
        };
        for (sql, expected) in [
            ("CREATE INDEX CONCURRENTLY i ON auth.t (a)", index("i", "auth.t")),
            (
                "create unique index concurrently if not exists I on only t using btree (a)",
                index("i", "t"),
            ),
            ("CREATE INDEX CONCURRENTLY \"A b\" ON auth.\"T\"(a)", index("A b", "auth.\"T\"")),
            ("CREATE INDEX i ON t (a)", None),
            ("DROP INDEX CONCURRENTLY i", None),
            ("CREATE TABLE t (concurrently int)", None),
        ] {
            assert_eq!(one(sql).concurrent_index(), expected, "{sql}");
        }
        assert!(one("DROP INDEX CONCURRENTLY IF EXISTS i").is_concurrent());
    }
}
