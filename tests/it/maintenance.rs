//! The scheduled deletions: exactly what is due goes, in batches that disturb nobody.

use crate::postgres::behind_proxy;
use maintenance::{MaintenanceEvent, MaintenanceState, SECRETS, handle};
use serde_json::{Value, json};
use shared::maintenance::{Deleted, delete_old_rows};
use std::time::Duration;
use tests::invoke_api::InvokeApi;
use tests::race::together;
use tests::stores::{Stores, connect};
use tests::{Service, Session};

const DAY: Duration = Duration::from_hours(24);
const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";

/// The longest time that is shorter.
fn just_before(time: Duration) -> Duration {
    time.saturating_sub(Duration::from_millis(1))
}

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

async fn run(service: &Service) -> Deleted {
    let now = service.now();
    delete_old_rows(&service.state.core, service.state.maintenance, now).await.unwrap()
}

/// The rows of every table, without those that a deletion is about.
async fn rest(service: &Service) -> Vec<Value> {
    let mut tables = Vec::new();
    for table in service
        .rows(
            "SELECT table_name AS name FROM information_schema.tables
              WHERE table_schema = 'auth' AND table_type = 'BASE TABLE' AND table_name NOT IN
                ('sessions', 'login_history', 'outbox', 'used_verifications',
                 'maintenance_positions')
              ORDER BY 1",
        )
        .await
    {
        let name = table["name"].as_str().unwrap();
        let rows = service.rows(&format!("SELECT * FROM auth.{name}")).await;
        tables.push(json!([name, rows]));
    }
    tables
}

async fn ids(service: &Service, query: &str) -> Vec<String> {
    let rows = service.rows(query).await;
    rows.iter().map(|row| row["id"].to_string().trim_matches('"').to_owned()).collect()
}

async fn sessions(service: &Service) -> Vec<String> {
    ids(service, "SELECT user_id AS id FROM auth.sessions ORDER BY id").await
}

#[tokio::test]
async fn a_session_goes_400_days_after_its_last_refresh_token() {
    let service = unlimited().await;
    let client = service.client();
    let alice = client.sign_up(ALICE).await;
    let bob = client.sign_up(BOB).await;
    let path = "/auth/v1/logout";
    let bobs = client.clone().bearer(&bob.access);
    let _ = bobs.post(path, json!({})).await.expect(204);

    // Alice's last refresh token is of day 10, Bob's of day 0: they expire on days 40 and 30.
    service.advance(10 * DAY);
    let refreshed_at = service.now();
    let _ = client.refresh(&alice.refresh).await.expect(200);
    service.sql("UPDATE auth.devices SET last_active = created_at").await;

    service.advance(just_before(420 * DAY));
    assert_eq!(run(&service).await.sessions, 0);
    assert_eq!(sessions(&service).await.len(), 2);
    let before = rest(&service).await;
    service.advance(Duration::from_millis(1));
    assert_eq!(run(&service).await.sessions, 1);
    assert_eq!(sessions(&service).await, [alice.user.as_str()]);
    assert_eq!(rest(&service).await, before, "nothing but the session");

    // Alice's device takes over when it was last active.
    service.advance(just_before(10 * DAY));
    assert_eq!(run(&service).await.sessions, 0);
    service.advance(Duration::from_millis(1));
    assert_eq!(run(&service).await.sessions, 1);
    assert!(sessions(&service).await.is_empty());
    assert_eq!(last_active(&service, &alice).await, refreshed_at.millis());
    let bobs = last_active(&service, &bob).await;
    assert_eq!(bobs, refreshed_at.millis() - 10 * 86_400_000, "Bob's is that of his log-in");
}

async fn last_active(service: &Service, session: &Session) -> i64 {
    let query =
        "SELECT (extract(epoch FROM last_active) * 1000)::bigint FROM auth.devices WHERE id";
    service.count(&format!("{query} = '{}'", session.device)).await
}

/// The device may have been active since, in another session.
#[tokio::test]
async fn a_later_activity_of_the_device_stays() {
    let service = unlimited().await;
    let first = service.client().log_in_twice().await;
    let later = last_active(&service, &first).await;
    service.advance(425 * DAY);
    assert_eq!(run(&service).await.sessions, 1, "the one that was replaced");
    assert_eq!(last_active(&service, &first).await, later);
}

trait LogInTwice {
    async fn log_in_twice(&self) -> Session;
}

impl LogInTwice for tests::Client {
    /// Signs up, and logs in on the same device ten days later.
    async fn log_in_twice(&self) -> Session {
        let _ = self.sign_up(ALICE).await;
        let _ = self.log_in(ALICE, "phone-1").await;
        self.service.sql("DELETE FROM auth.devices WHERE device_fingerprint <> 'phone-1'").await;
        self.service.advance(10 * DAY);
        self.log_in(ALICE, "phone-1").await
    }
}

#[tokio::test]
async fn log_ins_go_after_a_year_or_after_the_days_that_are_configured() {
    for (variables, days) in [(&[][..], 365), (&[("LOGIN_HISTORY_DAYS", "30")][..], 30)] {
        let service = Service::with(&[&[("RATE_LIMITS", "off")], variables].concat()).await;
        let client = service.client();
        let _ = client.sign_up(ALICE).await;
        service.advance(DAY);
        let _ = client.log_in(ALICE, "phone-2").await;
        let logins = "SELECT count(*) FROM auth.login_history";
        let before = rest(&service).await;
        service.advance(just_before((days - 1) * DAY));
        assert_eq!(run(&service).await.logins, 0);
        for left in [1, 0] {
            service.advance(Duration::from_millis(1));
            assert_eq!(run(&service).await.logins, 1);
            assert_eq!(service.count(logins).await, left);
            service.advance(just_before(DAY));
        }
        assert_eq!(rest(&service).await, before);
    }
}

#[tokio::test]
async fn delivered_events_and_used_verifications_go_after_a_week() {
    let service = unlimited().await;
    let client = service.client();
    let _ = client.sign_up(ALICE).await;
    let _ = client.sign_up(BOB).await;
    let all = ids(&service, "SELECT seq AS id FROM auth.outbox ORDER BY seq").await;
    assert!(all.len() > 3);
    let (first, rest_of_them) = all.split_first().unwrap();
    let now = service.now().millis();
    service
        .sql(&format!(
            "UPDATE auth.outbox SET delivered_at = to_timestamp({now} / 1000.0) WHERE seq = {first}"
        ))
        .await;
    let verifications = "SELECT count(*) FROM auth.used_verifications";
    service.advance(just_before(7 * DAY));
    assert_eq!(run(&service).await, Deleted::default());
    assert_eq!(service.count(verifications).await, 2);
    service.advance(Duration::from_millis(1));
    let expected = Deleted { events: 1, verifications: 2, ..Deleted::default() };
    assert_eq!(run(&service).await, expected);
    assert_eq!(service.count(verifications).await, 0);
    assert_eq!(ids(&service, "SELECT seq AS id FROM auth.outbox ORDER BY seq").await, rest_of_them);
    service.advance(4000 * DAY);
    assert_eq!(run(&service).await.events, 0, "undelivered events stay for ever");
}

/// `due` rows of each table that are due now, and as many that are not, for one account.
async fn fill(service: &Service, session: &Session, due: u32) {
    let (user, device, now) = (&session.user, &session.device, service.now().millis());
    service
        .sql(&format!(
            "SET session_replication_role = replica;
             INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type,
                                       is_verified, last_active, created_at, updated_at)
             SELECT gen_random_uuid(), '{user}', 'old ' || n, '', 'ios', true, t, t, t
               FROM generate_series(1, {due}) AS n, to_timestamp(0) AS t;
             INSERT INTO auth.sessions (id, user_id, device_id, auth_time, issued_at, rotated_at,
                                        expires_at, created_at)
             SELECT gen_random_uuid(), '{user}', d.id, t, t, t, t, t
               FROM auth.devices AS d,
                    LATERAL (SELECT to_timestamp({now} / 1000.0) - interval '400 days' AS t) AS t
              WHERE d.device_fingerprint LIKE 'old %';
             INSERT INTO auth.sessions (id, user_id, device_id, auth_time, issued_at, rotated_at,
                                        expires_at, created_at, revoked_at, revoked_for)
             SELECT gen_random_uuid(), '{user}', '{device}', t, t, t, t, t, t, 'logout'
               FROM generate_series(1, {due}),
                    LATERAL (SELECT to_timestamp({now} / 1000.0) - interval '399 days' AS t) AS t;
             INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
             SELECT gen_random_uuid(), '{user}', '{device}', '', 'success',
                    to_timestamp({now} / 1000.0) - age * interval '1 day'
               FROM generate_series(1, {due}), (VALUES (364), (366)) AS age (age);
             INSERT INTO auth.outbox (user_id, topic, payload, created_at, delivered_at)
             SELECT '{user}', 'audit', '{{}}', t, t
               FROM generate_series(1, {due}), (VALUES (6), (8)) AS age (age),
                    LATERAL (SELECT to_timestamp({now} / 1000.0) - age * interval '1 day' AS t) AS t;
             INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
             SELECT gen_random_uuid(), '{user}', t
               FROM generate_series(1, {due}), (VALUES (6), (8)) AS age (age),
                    LATERAL (SELECT to_timestamp({now} / 1000.0) - age * interval '1 day' AS t) AS t;
             ANALYZE"
        ))
        .await;
}

const DUE: u32 = 3500;

async fn counts(service: &Service) -> [i64; 4] {
    let mut counts = [0; 4];
    let tables = ["sessions", "login_history", "outbox", "used_verifications"];
    for (count, table) in counts.iter_mut().zip(tables) {
        *count = service.count(&format!("SELECT count(*) FROM auth.{table}")).await;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_at_once_delete_each_row_once_and_refresh_loses_nothing() {
    let service = unlimited().await;
    let client = service.client();
    let alice = client.sign_up(ALICE).await;
    let before = counts(&service).await;
    fill(&service, &alice, DUE).await;

    let runs = (0..3).map(|_| {
        let service = service.clone();
        let run = async move { (Some(run(&service).await), None) };
        Box::pin(run) as std::pin::Pin<Box<dyn Future<Output = Outcome> + Send>>
    });
    let refreshing = {
        let (client, mut session) = (client.clone(), alice.clone());
        async move {
            for _ in 0..20 {
                let reply = client.refresh(&session.refresh).await.expect(200);
                session = Session::from_reply(&reply);
            }
            (None, Some(session))
        }
    };
    let outcomes = together(runs.chain([Box::pin(refreshing) as _])).await;

    let mut deleted: Vec<Deleted> = outcomes.iter().filter_map(|outcome| outcome.0).collect();
    // What one run held while another looked, the next run deletes.
    deleted.push(run(&service).await);
    let sum = |of: fn(&Deleted) -> i64| deleted.iter().map(of).sum::<i64>();
    let due = i64::from(DUE);
    let sums = [
        sum(|one| one.sessions),
        sum(|one| one.logins),
        sum(|one| one.events),
        sum(|one| one.verifications),
    ];
    assert_eq!(sums, [due; 4], "{deleted:?}");
    assert_eq!(counts(&service).await, before.map(|count| count + due));
    assert_eq!(run(&service).await, Deleted::default());
    let inactive = "SELECT count(*) FROM auth.devices WHERE last_active = to_timestamp(0)";
    assert_eq!(service.count(inactive).await, 0, "each device keeps its last activity");
    let refreshed = outcomes.into_iter().find_map(|outcome| outcome.1).unwrap();
    let _ = client.refresh(&refreshed.refresh).await.expect(200);
}

type Outcome = (Option<Deleted>, Option<Session>);

/// No run waits for a request, so none can be part of a deadlock.
#[tokio::test]
async fn what_a_request_holds_is_left_for_the_next_run() {
    for (table, column) in [("devices", "id"), ("sessions", "device_id")] {
        let service = unlimited().await;
        let alice = service.client().sign_up(ALICE).await;
        let _ = service.client().sign_up(BOB).await;
        service.advance(430 * DAY);
        let request = connect(&service.stores.database_url).await;
        let device = &alice.device;
        let hold =
            format!("BEGIN; SELECT FROM auth.{table} WHERE {column} = '{device}' FOR UPDATE");
        request.batch_execute(&hold).await.unwrap();
        assert_eq!(run(&service).await.sessions, 1);
        assert_eq!(sessions(&service).await, [alice.user.as_str()]);
        request.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(run(&service).await.sessions, 1);
        assert!(sessions(&service).await.is_empty());
    }
}

/// Plans for the real sizes: no statement reads a whole table.
#[tokio::test]
async fn the_deletions_use_indexes() {
    let service = unlimited().await;
    let alice = service.client().sign_up(ALICE).await;
    fill(&service, &alice, 20_000).await;
    let client = connect(&service.stores.database_url).await;
    let mut seen = 0;
    for statement in shared::store::statements() {
        let name = statement.name();
        let is_deletion = name.starts_with("delete_old_")
            || ["delete_delivered_events", "delete_used_verifications"].contains(&name);
        if !is_deletion {
            continue;
        }
        seen += 1;
        // As the store sends it: one plan for any value.
        let prepare = format!(
            "SET plan_cache_mode = force_generic_plan; PREPARE deletion (timestamptz) AS {}",
            statement.sql()
        );
        client.batch_execute(&prepare).await.unwrap();
        let plan = client.query("EXPLAIN (COSTS OFF) EXECUTE deletion (now())", &[]).await;
        client.batch_execute("DEALLOCATE deletion").await.unwrap();
        let plan: Vec<String> = plan.unwrap().iter().map(|row| row.get(0)).collect();
        for table in ["sessions", "devices", "login_history", "outbox", "used_verifications"] {
            let scan = format!("Seq Scan on {table}");
            assert!(!plan.iter().any(|line| line.contains(&scan)), "{}", plan.join("\n"));
        }
    }
    assert_eq!(seen, 5);
}

/// The function as a schedule invokes it.
async fn invoke(state: &MaintenanceState) -> Result<Value, String> {
    let function = shared::lambda::serve_events(
        state.core.clone(),
        state.clone(),
        |state, event: MaintenanceEvent| handle(state, event),
    );
    let event = json!({ "task": "maintenance" });
    tests::lambda::invoke(function, event).await.map_err(|error| error.to_string())
}

/// Log-ins of the past, most of them too old.
async fn many_rows(service: &Service, old: i64) {
    let insert = |count: i64, age: &str| {
        format!(
            "INSERT INTO auth.login_history (id, user_id, ip_address, status, created_at)
             SELECT gen_random_uuid(), (SELECT id FROM auth.users_auth), '203.0.113.7', 'success',
                 to_timestamp({}) - interval '{age}'
             FROM generate_series(1, {count})",
            service.now().seconds()
        )
    };
    service.sql(&insert(old, "366 days")).await;
    service.sql(&insert(10, "364 days")).await;
}

const LOGINS: &str = "SELECT count(*) FROM auth.login_history";

#[tokio::test]
async fn the_function_deletes_all_that_is_due_in_one_day() {
    let service = unlimited().await;
    let _ = service.client().sign_up(ALICE).await;
    // A turn is 50 batches of 1,000 rows.
    many_rows(&service, 52_000).await;
    let left = service.count(LOGINS).await - 52_000;
    let state = service.function(SECRETS, &[], MaintenanceState::read).await;
    let answer = invoke(&state).await.unwrap();
    assert_eq!(answer["logins"], 52_000, "{answer}");
    assert_eq!(service.count(LOGINS).await, left);
    let answer = invoke(&state).await.unwrap();
    assert!(answer.as_object().unwrap().values().all(|count| *count == 0), "{answer}");
    // It has measured the fleet.
    let mut redis = service.redis().await;
    let measured: Option<i64> = redis::cmd("HGET")
        .arg(&["metrics", "auth_key_devices"])
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(measured.is_some());
}

#[tokio::test]
async fn a_run_whose_time_is_over_begins_nothing_and_the_next_goes_on() {
    let service = unlimited().await;
    let _ = service.client().sign_up(ALICE).await;
    many_rows(&service, 3000).await;
    let state = service.function(SECRETS, &[], MaintenanceState::read).await;
    let mut hurried = state.clone();
    hurried.config.time_limit = Duration::ZERO;
    assert_eq!(invoke(&hurried).await.unwrap()["logins"], 0);

    // Cut off in the middle, as by the end of an invocation: what is deleted is whole batches.
    let rows = service.count(LOGINS).await;
    let lock = service.hold("LOCK TABLE auth.login_history IN SHARE MODE").await;
    let cut = {
        let state = state.clone();
        tokio::spawn(async move { invoke(&state).await })
    };
    service.until_waiting(1).await;
    cut.abort();
    let _ = cut.await;
    drop(lock);
    service.until(tests::service::IDLE).await;
    let left = service.count(LOGINS).await;
    assert!(left <= rows && (rows - left) % 1000 == 0, "{rows} {left}");
    let answer = invoke(&state).await.unwrap();
    assert_eq!(answer["logins"].as_i64(), Some(left - (rows - 3000)));
}

#[tokio::test]
async fn an_outage_fails_the_invocation() {
    let service = unlimited().await;
    let nowhere = Stores {
        database_url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
        ..service.stores.clone()
    };
    let service = service.over_stores(nowhere).await;
    let at_once = [("DATABASE_RESUME_SECONDS", "0")];
    let state = service.function(SECRETS, &at_once, MaintenanceState::read).await;
    let error = invoke(&state).await.unwrap_err();
    assert!(error.contains("failed to connect to postgres for ping_postgres"), "{error}");
}

#[tokio::test]
async fn a_part_that_fails_fails_the_invocation_and_keeps_no_other_from_running() {
    let service = unlimited().await;
    let state = service.function(SECRETS, &[], MaintenanceState::read).await;
    service.sql("ALTER TABLE auth.login_history RENAME TO gone").await;
    let error = invoke(&state).await.unwrap_err();
    assert!(error.contains("1 parts of the maintenance failed"), "{error}");
    service.sql("ALTER TABLE auth.gone RENAME TO login_history").await;
    let _ = invoke(&state).await.unwrap();
}

/// The database is awake: the relay looks at the outbox now, and not by itself at another hour.
#[tokio::test]
async fn a_run_invokes_the_relay() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let mut state = service.function(SECRETS, &[], MaintenanceState::read).await;
    let variables = [("RELAY_FUNCTION", "relay")];
    state.core = service.in_cloud(Some(api.cloud()), &variables).await.state.core;
    let _ = invoke(&state).await.unwrap();
    let came = api.take();
    let [one] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!((one.function.as_str(), one.kind.as_str()), ("relay", "Event"));
    assert_eq!(one.payload, json!({ "task": "relay" }));
}

/// As Aurora while it resumes: connections are taken, and nobody answers.
#[tokio::test]
async fn a_database_that_resumes_is_waited_for() {
    let (proxy, service) = behind_proxy().await;
    proxy.silence();
    proxy.swallow_new(true);
    let state = service.function(SECRETS, &[], MaintenanceState::read).await;
    let opened = proxy.opened();
    let run = tokio::spawn(async move { invoke(&state).await });
    while proxy.opened() == opened {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    proxy.swallow_new(false);
    let _ = run.await.unwrap().unwrap();
}
