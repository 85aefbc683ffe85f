//! A restore from a backup, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`history`] | a dump of an hour ago under activity: sessions, keys, codes, accounts |
//! | [`operator`] | what an operator did after the backup: sessions, numbers |
//! | [`second_factor`] | resets of the second factor on both sides of the backup |
//! | [`trail`] | what the trail tells is done again, and its chains go on |
//! | [`walks`] | many runs at once, runs that are repeated or killed, lost connections |

mod history;
mod operator;
mod second_factor;
mod trail;
mod walks;

use domain::ids::UserId;
use domain::time::Timestamp;
use serde_json::{Value, json};
use shared::restore::trail::Trail;
use shared::restore::{Restored, restore};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tests::stores::{Stores, empty_database, postgres_program};
use tests::{Client, Service, Session};
use uuid::Uuid;

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

fn of(service: &Service, session: &Session) -> Client {
    service.client().bearer(&session.access)
}

async fn refreshed(service: &Service, session: &Session) -> Session {
    Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200))
}

async fn run(program: &str, arguments: Vec<String>) {
    let program = postgres_program(program).expect("a program of Postgres");
    let output =
        tokio::task::spawn_blocking(move || Command::new(program).args(arguments).output());
    let output = output.await.expect("no panic").expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A backup, and when it was made.
struct Backup {
    file: PathBuf,
    at: Timestamp,
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Backup {
    async fn of(service: &Service) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let file = std::env::temp_dir().join(format!("auth-{}-{number}.dump", std::process::id()));
        let at = service.now();
        let url = service.stores.database_url.clone();
        run("pg_dump", vec!["-Fc".into(), "-f".into(), file.display().to_string(), url]).await;
        Self { file, at }
    }

    /// The service over a database that went back to this backup. Redis is as it was.
    async fn restored(&self, service: &Service) -> Service {
        let database_url = empty_database().await;
        let arguments = ["--no-owner", "-d", &database_url, &self.file.display().to_string()];
        run("pg_restore", arguments.map(str::to_owned).to_vec()).await;
        service.over_stores(Stores::at(database_url, &service.stores.redis_url)).await
    }

    async fn run(&self, service: &Service, trail: Option<&Trail>) -> Restored {
        let index = &service.state.login.identities;
        let trail = trail.map(|trail| (trail, index));
        restore(&service.state.core, self.at, trail).await.expect("the restore runs")
    }
}

/// Runs the restore, and then again: the second run changes no row.
async fn run_twice(backup: &Backup, service: &Service, trail: &Trail) -> Restored {
    let ran = backup.run(service, Some(trail)).await;
    assert!(ran.replayed.faults.is_empty(), "{:?}", ran.replayed.faults);
    let before = rows(service).await;
    service.advance(Duration::from_secs(1));
    let again = backup.run(service, Some(trail)).await;
    assert_eq!((again.replayed.entries, again.replayed.ended_sessions), (0, 0));
    assert!(again.replayed.losses.is_empty(), "{:?}", again.replayed.losses);
    assert_eq!(rows(service).await, before);
    ran
}

/// The rows of all tables that a restore changes.
async fn rows(service: &Service) -> Vec<Value> {
    let tables = [
        "users_auth",
        "devices",
        "sessions",
        "backup_codes",
        "second_factor_resets",
        "released_accounts",
        "retired_identities",
        "account_changes",
        "identity_keys",
        "prekey_pages",
        "used_prekeys",
        "audit_heads",
        "security_events",
        "outbox",
        "restores",
    ];
    let all = tables
        .map(|table| format!("SELECT '{table}' AS of, to_jsonb(t) AS row FROM auth.{table} t"));
    service.rows(&format!("SELECT * FROM ({}) a ORDER BY of, row", all.join(" UNION ALL "))).await
}

/// The security log of a service, as an export of its table writes it: each item as DynamoDB types it, with
/// bytes in base64. `aws dynamodb scan` gives it alone, an export to S3 in an `Item`.
async fn exported(service: &Service) -> String {
    let rows = service
        .rows(
            "SELECT user_id, seq, encode(hash, 'base64') AS hash, entry,
                    (extract(epoch FROM created_at) * 1000)::int8 AS created_at
               FROM auth.security_events ORDER BY user_id, seq",
        )
        .await;
    let lines = rows.iter().map(|row| {
        let [user, hash, entry] = ["user_id", "hash", "entry"].map(|name| row[name].clone());
        let seq = row["seq"].as_i64().expect("a number");
        let item = json!({
            "user": { "S": user }, "seq": { "N": seq.to_string() }, "hash": { "B": hash },
            "entry": { "S": entry }, "createdAt": { "N": row["created_at"].to_string() },
        });
        let line = if seq % 2 == 0 { json!({ "Item": item }) } else { item };
        line.to_string() + "\n"
    });
    lines.collect()
}

async fn export(service: &Service) -> Trail {
    Trail::read(&exported(service).await).expect("an export")
}

fn user(session: &Session) -> UserId {
    UserId::from_uuid(Uuid::try_parse(&session.user).expect("an id"))
}

async fn security_events(service: &Service, event: &str) -> i64 {
    let count = format!(
        "SELECT count(*) FROM auth.security_events WHERE entry::jsonb->>'event' = '{event}'"
    );
    service.count(&count).await
}

/// Whether the chains of all users hold.
async fn chains_hold(service: &Service) -> bool {
    let verified = shared::audit::verify::verify(&service.state.core.store, None).await;
    verified.expect("the trail is read").faults.is_empty()
}

/// The ids of the one-time keys in a bundle: of the curve, and of Kyber.
fn ids(bundle: &Value) -> [Option<i64>; 2] {
    ["preKey", "kyberPreKey"].map(|kind| bundle[kind]["keyId"].as_i64())
}
