//! The function that migrates: for CloudFormation and for operators, on databases that it knows.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use migrate::{MigrateEvent, MigrateState, SECRETS, handle};
use migrations::PackedFile;
use serde_json::{Value, json};
use shared::config::Environment;
use shared::core::StartError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::race::together;
use tests::service::listen;
use tests::stores::{Stores, connect, empty_database};
use tests::{Service, Session};

async fn state(url: &str, changed: &[(&str, &str)]) -> MigrateState {
    let mut variables: BTreeMap<String, String> =
        [("STAGE", "local"), ("DATABASE_URL", url)].map(|(k, v)| (k.into(), v.into())).into();
    variables.extend(changed.iter().map(|(k, v)| ((*k).into(), (*v).into())));
    let lookup = Arc::new(move |name: &str| variables.get(name).cloned());
    let environment = Environment::from_lookup(lookup, SECRETS).await.unwrap();
    let mut env = environment.reader();
    let state = MigrateState::read(&mut env);
    env.finish(state).expect("a configuration")
}

async fn invoke(state: &MigrateState, event: Value) -> Result<Value, String> {
    let event: MigrateEvent = serde_json::from_value(event).expect("an event");
    let answer = handle(Ok(state.clone()), event).await.map_err(|error| error.to_string())?;
    Ok(serde_json::to_value(answer).unwrap())
}

async fn migrate(state: &MigrateState) -> Result<Vec<Value>, String> {
    let answer = invoke(state, json!({ "task": "migrate" })).await?;
    Ok(answer["applied"].as_array().cloned().expect("a list"))
}

async fn count(url: &str, query: &str) -> i64 {
    connect(url).await.query_one(query, &[]).await.expect("a count").get(0)
}

/// All tables, with the number of rows of the history.
const SHAPE: &str = "SELECT count(*) FROM information_schema.columns
    WHERE table_schema IN ('auth', 'public')";

fn packed_migrations() -> Vec<&'static str> {
    let up = migrations::PACKED.iter().map(|(name, _)| *name);
    up.filter(|name| !name.ends_with(".down.sql")).collect()
}

#[test]
fn the_build_has_packed_the_files_of_the_folder() {
    let folder = crate::sources::names_in("migrations");
    let packed: Vec<&str> = migrations::PACKED.iter().map(|(name, _)| *name).collect();
    assert_eq!(packed, folder);
    for (name, text) in migrations::PACKED {
        assert_eq!(*text, crate::sources::read(&format!("migrations/{name}")), "{name}");
    }
}

#[tokio::test]
async fn it_migrates_once_however_many_ask_at_once() {
    let url = empty_database().await;
    let state = state(&url, &[]).await;
    let before = invoke(&state, json!({ "task": "status" })).await.unwrap();
    assert_eq!(before["applied"], json!([]));
    assert_eq!(before["pending"].as_array().unwrap().len(), packed_migrations().len());

    let runs = together((0..5).map(|_| {
        let state = state.clone();
        async move { migrate(&state).await.unwrap() }
    }));
    let mut applied: Vec<String> = runs
        .await
        .concat()
        .into_iter()
        .map(|name| format!("{}.sql", name.as_str().unwrap()))
        .collect();
    applied.sort();
    assert_eq!(applied, packed_migrations());
    assert_eq!(migrate(&state).await.unwrap(), Vec::<Value>::new());
    let after = invoke(&state, json!({ "task": "status" })).await.unwrap();
    assert_eq!(after["pending"], json!([]));
    // And what a folder would make is the same.
    assert_eq!(migrations::run(&url).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_database_that_it_does_not_know_stays_as_it_is() {
    let url = empty_database().await;
    connect(&url)
        .await
        .batch_execute("CREATE SCHEMA auth; CREATE TABLE auth.users_auth (id int)")
        .await
        .unwrap();
    let before = count(&url, SHAPE).await;
    let state = state(&url, &[("DATABASE_FUNCTIONS_ROLE", "never_made")]).await;
    let error = migrate(&state).await.unwrap_err();
    assert!(error.contains("auth.users_auth") && error.contains("no history"), "{error}");
    assert_eq!(count(&url, SHAPE).await, before);
    let made = "SELECT count(*) FROM pg_roles WHERE rolname = 'never_made'";
    assert_eq!(count(&url, made).await, 0);
}

#[tokio::test]
async fn a_history_that_does_not_fit_is_refused_and_a_later_one_is_not() {
    let url = empty_database().await;
    let state = state(&url, &[]).await;
    let _ = migrate(&state).await.unwrap();
    let before = count(&url, SHAPE).await;
    let change = async |sql: &str| connect(&url).await.batch_execute(sql).await.unwrap();

    change("UPDATE public.schema_migrations SET checksum = 'x' || checksum WHERE version = 2")
        .await;
    let error = migrate(&state).await.unwrap_err();
    assert!(error.contains("V0002__") && error.contains("edited"), "{error}");
    change("UPDATE public.schema_migrations SET checksum = substr(checksum, 2) WHERE version = 2")
        .await;
    change("INSERT INTO public.schema_migrations VALUES (0, 'foreign', 'x')").await;
    let error = migrate(&state).await.unwrap_err();
    assert!(error.contains("V0000__foreign") && error.contains("missing"), "{error}");
    change("DELETE FROM public.schema_migrations WHERE version = 0").await;

    // The release after has migrated, and this one is deployed again.
    change("INSERT INTO public.schema_migrations VALUES (9999, 'later', 'x')").await;
    assert_eq!(migrate(&state).await.unwrap(), Vec::<Value>::new());
    // But nothing is applied below a later one.
    change("DELETE FROM public.schema_migrations WHERE version = 4").await;
    let error = migrate(&state).await.unwrap_err();
    assert!(error.contains("V0004__"), "{error}");
    assert_eq!(count(&url, SHAPE).await, before);
}

#[tokio::test]
async fn a_run_that_is_killed_halfway_is_repeated() {
    const SLOW: &[PackedFile] = &[
        ("V0001__first.sql", "CREATE SCHEMA auth; CREATE TABLE auth.first (id int);"),
        (
            "V0002__slow.sql",
            "CREATE TABLE auth.second (id int); SELECT pg_sleep(0.7) /* killed here */;",
        ),
        ("V0003__last.sql", "CREATE TABLE auth.third (id int);"),
    ];
    let url = empty_database().await;
    let mut state = state(&url, &[]).await;
    state.runner.packed = Some(SLOW);
    let run = {
        let state = state.clone();
        tokio::spawn(async move { migrate(&state).await })
    };
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'active' AND wait_event = 'PgSleep'";
    while count(&url, sleeps).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    // The next run waits until the server has let the first one go.
    let applied = migrate(&state).await.unwrap();
    assert_eq!(applied, [json!("V0002__slow"), json!("V0003__last")]);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'auth'";
    assert_eq!(count(&url, tables).await, 3);
}

/// What stands in for CloudFormation: it takes answers, after it has failed this often.
#[derive(Clone, Default)]
struct CloudFormation {
    failures: Arc<Mutex<u32>>,
    answers: Arc<Mutex<Vec<Value>>>,
}

impl CloudFormation {
    async fn listen(&self) -> String {
        let take = async |State(this): State<Self>, headers: HeaderMap, body: Bytes| {
            // The address is signed for a request without one.
            assert!(!headers.contains_key("content-type"));
            let mut failures = this.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            this.answers.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            StatusCode::OK
        };
        listen(Router::new().route("/answer", put(take)).with_state(self.clone())).await
    }

    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.answers.lock().unwrap())
    }
}

fn resource(url: &str, request: &str) -> Value {
    json!({
        "RequestType": request,
        "ResponseURL": format!("{url}/answer?X-Amz-Signature=secret"),
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/auth/guid",
        "RequestId": "unique",
        "LogicalResourceId": "Migration",
        "ResourceType": "Custom::Migration",
        "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:auth-migrate:live",
        "ResourceProperties": { "Release": "7" },
    })
}

#[tokio::test]
async fn cloud_formation_is_told_how_it_went() {
    let url = empty_database().await;
    let state = state(&url, &[]).await;
    let cloud_formation = CloudFormation::default();
    let address = cloud_formation.listen().await;
    let told = |status: &str, reason: &str| {
        json!({
            "Status": status,
            "Reason": reason,
            "PhysicalResourceId": "auth-database",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/auth/guid",
            "RequestId": "unique",
            "LogicalResourceId": "Migration",
        })
    };
    *cloud_formation.failures.lock().unwrap() = 1;
    let count_of_files = packed_migrations().len();
    let _ = invoke(&state, resource(&address, "Create")).await.unwrap();
    let applied = format!("applied {count_of_files}");
    assert_eq!(cloud_formation.taken(), [told("SUCCESS", &applied)]);
    let _ = invoke(&state, resource(&address, "Update")).await.unwrap();
    assert_eq!(cloud_formation.taken(), [told("SUCCESS", "applied 0")]);

    // The tables outlive the stack.
    let before = count(&url, SHAPE).await;
    let _ = invoke(&state, resource(&address, "Delete")).await.unwrap();
    assert_eq!(cloud_formation.taken(), [told("SUCCESS", "applied 0")]);
    assert_eq!(count(&url, SHAPE).await, before);

    // What fails is told, too, and the invocation has done its work.
    let change = "UPDATE public.schema_migrations SET checksum = '' WHERE version = 1";
    connect(&url).await.batch_execute(change).await.unwrap();
    let _ = invoke(&state, resource(&address, "Update")).await.unwrap();
    let answer = cloud_formation.taken().remove(0);
    assert_eq!(answer["Status"], "FAILED");
    assert!(answer["Reason"].as_str().unwrap().contains("V0001__"), "{answer}");
}

#[tokio::test]
async fn a_function_that_cannot_start_says_so_to_cloud_formation() {
    let cannot_start = || async {
        let environment =
            Environment::from_lookup(Arc::new(|_: &str| None), SECRETS).await.unwrap();
        let mut env = environment.reader();
        let state = MigrateState::read(&mut env);
        env.finish(state).map_err(StartError::from)
    };
    let cloud_formation = CloudFormation::default();
    let address = cloud_formation.listen().await;
    for (request, status) in [("Create", "FAILED"), ("Update", "FAILED"), ("Delete", "SUCCESS")] {
        let event = serde_json::from_value(resource(&address, request)).unwrap();
        let _ = migrate::answer(cannot_start().await, event, true).await.unwrap();
        let told = cloud_formation.taken().remove(0);
        assert_eq!(told["Status"], status, "{request}");
        let names_it = told["Reason"].as_str().unwrap().contains("DATABASE_URL");
        assert_eq!(names_it, status == "FAILED", "{told}");
    }
    let event = serde_json::from_value(json!({ "task": "status" })).unwrap();
    assert!(handle(cannot_start().await, event).await.is_err());
}

#[tokio::test]
async fn answers_go_to_aws_alone() {
    let url = empty_database().await;
    let state = state(&url, &[("STAGE", "dev")]).await;
    let cloud_formation = CloudFormation::default();
    let address = cloud_formation.listen().await;
    let error = invoke(&state, resource(&address, "Delete")).await.unwrap_err();
    assert!(error.contains("none of AWS") && !error.contains("secret"), "{error}");
    assert!(cloud_formation.taken().is_empty());
}

#[tokio::test]
async fn the_functions_role_reads_and_writes_rows_and_nothing_else() {
    let url = empty_database().await;
    let role = format!("functions_{}", std::process::id());
    let first = state(&url, &[]).await;
    let _ = migrate(&first).await.unwrap();
    let state = state(&url, &[("DATABASE_FUNCTIONS_ROLE", &role)]).await;
    for _ in 0..2 {
        assert_eq!(migrate(&state).await.unwrap(), Vec::<Value>::new());
    }

    // A service that has this role alone.
    let stores = Stores::fresh().await;
    let service = Service::over(
        Stores { database_url: format!("{url}&options=-c%20role%3D{role}"), ..stores },
        &[("RATE_LIMITS", "off")],
    )
    .await;
    let client = service.client();
    let session = client.sign_up("+33612345678").await;
    let renewed = client.refresh(&session.refresh).await.expect(200);
    let renewed = Session::from_reply(&renewed);
    let own = client.clone().bearer(&renewed.access);
    let _ = own.get("/auth/v1/account").await.expect(200);
    let _ = own.get("/auth/v1/security-events").await.expect(200);
    let _ = own.post("/auth/v1/logout/all", json!({})).await.expect(204);
    let state = &service.state;
    let deleted =
        shared::maintenance::delete_old_rows(&state.core, state.maintenance, service.now());
    let _ = deleted.await.unwrap();

    let as_role = connect(&format!("{url}&options=-c%20role%3D{role}")).await;
    for forbidden in [
        "CREATE TABLE auth.more (id int)",
        "CREATE TABLE public.more (id int)",
        "DROP TABLE auth.sessions",
        "TRUNCATE auth.outbox",
        "ALTER TABLE auth.devices ADD COLUMN more int",
        "CREATE INDEX more ON auth.devices (id)",
        "UPDATE public.schema_migrations SET checksum = ''",
        "CREATE ROLE another",
    ] {
        let error = as_role.batch_execute(forbidden).await.expect_err(forbidden);
        let code = error.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {error}");
    }
    // A table of a later migration is theirs from its first moment.
    connect(&url).await.batch_execute("CREATE TABLE auth.later (id int)").await.unwrap();
    as_role.batch_execute("INSERT INTO auth.later VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn a_name_of_a_role_is_a_name() {
    let lookup = |role: &'static str| {
        Arc::new(move |name: &str| match name {
            "STAGE" => Some("local".to_owned()),
            "DATABASE_URL" => Some("postgres://127.0.0.1/auth".to_owned()),
            "DATABASE_FUNCTIONS_ROLE" => Some(role.to_owned()),
            _ => None,
        })
    };
    for role in ["a; DROP ROLE b", "\"a\"", "A", "a-b"] {
        let environment = Environment::from_lookup(lookup(role), SECRETS).await.unwrap();
        let mut env = environment.reader();
        let state = MigrateState::read(&mut env);
        let error = env.finish(state).map(drop).unwrap_err().to_string();
        assert!(error.contains("DATABASE_FUNCTIONS_ROLE") && !error.contains("DROP"), "{error}");
    }
}
