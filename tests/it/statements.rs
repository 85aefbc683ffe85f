//! Every statement of the store: its text is a committed snapshot, the migrated database
//! accepts it and returns the recorded columns, and no SQL stands anywhere else. And what an
//! error of a statement may say, and how many round trips a transaction takes.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p tests --test it statements` writes the snapshots anew.

use serde_json::json;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::clock::Rng;
use shared::store::{Statement, StoreError, statements};
use shared::telemetry::ErrorChain;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use tests::stores::{Stores, connect};
use tests::{Keys, Service};
use tokio_postgres::types::Type;

use crate::sources::{files_below, names_in, read, text};

const SNAPSHOTS: &str = "tests/snapshots/statements";
const PHONE: &str = "+33612345678";

fn path(name: &str) -> String {
    format!("{SNAPSHOTS}/{name}.sql")
}

async fn prepare(
    statement: &Statement,
    client: &tokio_postgres::Client,
) -> tokio_postgres::Statement {
    let types: Vec<Type> = statement.types().iter().map(|(_, of)| of.clone()).collect();
    let prepared = client.prepare_typed(statement.sql(), &types).await;
    prepared.unwrap_or_else(|error| {
        panic!("{} is not accepted: {:?}", statement.name(), error.as_db_error())
    })
}

/// The statement with its parameters and, as the database has them, its result columns.
async fn snapshot(statement: &Statement, client: &tokio_postgres::Client) -> String {
    let prepared = prepare(statement, client).await;
    let mut snapshot = format!("-- {}\n", statement.name());
    for (index, (parameter, of)) in statement.types().iter().enumerate() {
        let _ = writeln!(snapshot, "-- ${} {parameter} {of}", index + 1);
    }
    for column in prepared.columns() {
        let _ = writeln!(snapshot, "-- returns {} {}", column.name(), column.type_());
    }
    snapshot + statement.sql() + "\n"
}

/// By itself, for `.ci/mutations`: a changed statement is not its snapshot, and still accepted.
#[tokio::test]
async fn every_statement_is_accepted() {
    let stores = Stores::fresh().await;
    let client = connect(&stores.database_url).await;
    for statement in statements() {
        let _ = prepare(statement, &client).await;
    }
}

#[tokio::test]
async fn every_statement_equals_its_snapshot() {
    let stores = Stores::fresh().await;
    let client = connect(&stores.database_url).await;
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut faults = Vec::new();
    let mut expected = BTreeSet::new();
    for statement in statements() {
        let snapshot = snapshot(statement, &client).await;
        let path = path(statement.name());
        let file = local::paths::workspace().join(&path);
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &snapshot).unwrap();
        } else if fs::read_to_string(&file).ok().as_ref() != Some(&snapshot) {
            faults.push(format!("{path} is not the statement {}", statement.name()));
        }
        expected.insert(format!("{}.sql", statement.name()));
    }
    for name in names_in(SNAPSHOTS) {
        if expected.contains(&name) {
            continue;
        }
        if update {
            fs::remove_file(local::paths::workspace().join(SNAPSHOTS).join(name)).unwrap();
        } else {
            faults.push(format!("{SNAPSHOTS}/{name} is a snapshot without a statement"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}\nUPDATE_SNAPSHOTS=1 writes the snapshots anew");
}

/// Columns are read by name: a name that is missing would be an error, one that stands for
/// two columns a silent mistake.
#[test]
fn a_statement_returns_each_column_under_a_name_of_its_own() {
    for statement in statements() {
        let (text, mut names) = (read(&path(statement.name())), BTreeSet::new());
        for column in text.lines().filter_map(|line| line.strip_prefix("-- returns ")) {
            let name = column.split(' ').next().unwrap();
            assert_ne!(name, "?column?", "{}: a column without a name", statement.name());
            assert!(names.insert(name), "{}: two columns {name}", statement.name());
        }
    }
}

#[test]
fn names_are_unique_and_verb_first() {
    let mut names = BTreeSet::new();
    for statement in statements() {
        let name = statement.name();
        assert!(names.insert(name), "two statements are named {name}");
        assert!(name.contains('_'), "{name} is no verb_noun");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
}

#[test]
fn sql_is_sent_as_a_listed_statement_only() {
    // What sends SQL or can: only the files that hold connections use it.
    let sending = ["query(", "query_", "batch_execute(", "prepare(", "_typed("];
    let mut declared = 0;
    for file in files_below("shared/src/store", ".rs") {
        let text = text(&file);
        declared += text.matches("LazyStatement::new(").count();
        let name = file.file_name().unwrap().to_string_lossy();
        if ["connect.rs", "pool.rs", "statement.rs", "transaction.rs"].contains(&name.as_ref()) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in sending {
                assert!(!code.contains(word), "{}:{}: {word}", file.display(), number + 1);
            }
        }
    }
    assert_eq!(declared, statements().len(), "each declared statement is listed");
    for folder in ["shared/src", "functions"] {
        for file in files_below(folder, ".rs") {
            if file.starts_with("shared/src/store") {
                continue;
            }
            let text = text(&file);
            for word in ["tokio_postgres::Client", "tokio_postgres::connect"] {
                assert!(!text.contains(word), "{} has {word}", file.display());
            }
        }
    }
}

/// Postgres puts the whole row into the detail of such an error.
#[tokio::test]
async fn an_error_names_statement_and_constraint_and_holds_no_value() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    service
        .sql("ALTER TABLE auth.outbox ADD CONSTRAINT no_audit CHECK (topic <> 'audit') NOT VALID")
        .await;
    let (now, address) = (service.now(), "203.0.113.9");
    let audit = AuditEntry::new(SecurityEvent::PhoneLocked, None, address, now, Rng);
    let phone = domain::phone::PhoneNumber::from_stored(PHONE.to_owned()).unwrap();
    let error = service.state.core.store.record_event(&phone, now, &audit).await.unwrap_err();

    let chain = [error.to_string(), error.source().expect("a source").to_string()];
    assert_eq!(chain, ["record_event failed", "SQLSTATE 23514, constraint no_audit"]);
    assert_eq!(ErrorChain(&error).to_string(), chain.join(": "));
    assert!(error.source().unwrap().source().is_none(), "the client's own error prints values");
    let all = format!("{error:?} {}", ErrorChain(&error));
    for value in [PHONE, address, &session.user, "Failing row", "violates"] {
        assert!(!all.contains(value), "{all}");
    }
    assert!(matches!(error, StoreError::Statement { statement: "record_event", .. }));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_that_may_pass() {
    let service = Service::start().await;
    let store = &service.state.core.store;
    service.sql("ALTER TABLE auth.users_auth RENAME TO users_gone").await;
    let phone = domain::phone::PhoneNumber::from_stored(PHONE.to_owned()).unwrap();
    let error = store.find_account(&phone, None, service.now()).await.unwrap_err();
    assert_eq!(ErrorChain(&error).to_string(), "find_account failed: SQLSTATE 42P01");
    assert!(!error.is_transient());

    let broken = Stores {
        database_url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
        ..service.stores.clone()
    };
    let error = Service::over(broken, &[]).await.state.core.store.ping().await.unwrap_err();
    let chain = "failed to connect to postgres for ping_postgres: i/o error: connection refused";
    assert_eq!(ErrorChain(&error).to_string(), chain);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_transaction_begins_with_its_first_statements_and_takes_no_round_trip_more() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let trips = || service.state.core.store.round_trips();
    let keys = Keys::new();

    // Three round trips: two statements, one of which waits for the other's answer, a commit.
    // Keys travel with the last of them.
    for bundle in [None, Some(keys.bundle(1..31, 1..31))] {
        let phone = if bundle.is_some() { "+33698765432" } else { PHONE };
        for (purpose, expected) in [("register", 2), ("login", 3)] {
            let id = client.verified(purpose, phone).await;
            let mut body = json!({ "verificationId": id, "deviceId": "phone-1" });
            if let Some(bundle) = &bundle {
                body["signalKeyBundle"] = bundle.clone();
            }
            let before = trips();
            let reply = client.post(&format!("/auth/v1/{purpose}"), body).await;
            assert!(reply.status.is_success(), "{purpose}");
            assert_eq!(trips() - before, expected, "{purpose}, keys: {}", bundle.is_some());
        }
    }

    // A change of the account: BEGIN, lock and state; the proof; the change; COMMIT.
    let session = client.log_in("+33698765432", "phone-1").await;
    let before = trips();
    let device = client.bearer(&session.access);
    let _ = device.send(http::Method::DELETE, "/auth/v1/signal/keys", &json!({})).await.expect(204);
    assert_eq!(trips() - before, 4);
}
