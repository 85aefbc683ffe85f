//! The function `relay`: what it delivers in AWS, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`after_commit`] | which requests invoke it, and that none waits for it or fails with it |
//! | [`dead_letters`] | events that were given up are queued again under their ids |
//! | [`idle`] | a schedule leaves a database alone in which nothing has happened |
//! | [`kills`] | a relay that is killed anywhere loses nothing and doubles no id |
//! | [`log`] | the append-only copy of the security log in DynamoDB |
//! | [`notices`] | notices by the task of `verify`, which no client can ask for |
//! | [`roots`] | signed roots of all chains in S3 |
//! | [`services`] | another service's function that fails, hangs and dies |

mod after_commit;
mod dead_letters;
mod idle;
mod kills;
mod log;
mod notices;
mod roots;
mod services;

use ::relay::{RelayState, SECRETS, handle};
use serde_json::{Value, json};
use shared::cloud::CloudHandle;
use shared::config::{Environment, Lookup};
use shared::core::Core;
use shared::lambda::serve_events;
use shared::relay::cloud::RelayCloud;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tests::Service;
use tests::invoke_api::Invocation;

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33698765432";

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

/// The function `relay` over the stores and the clock of a service.
#[derive(Clone)]
struct Function {
    state: RelayState,
}

impl Function {
    async fn new(
        service: &Service,
        cloud: CloudHandle,
        relay_cloud: Option<&dyn RelayCloud>,
        variables: &[(&str, &str)],
    ) -> Self {
        let changed: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let all = service.lookup();
        let lookup: Lookup = Arc::new(move |name| match name {
            // One try for each invocation, unless a test says otherwise.
            "RELAY_SECONDS" | "DATABASE_RESUME_SECONDS" if !changed.contains_key(name) => {
                Some("0".to_owned())
            }
            name => changed.get(name).cloned().or_else(|| all(name)),
        });
        let environment = Environment::load_in(cloud, lookup, SECRETS).await.unwrap();
        let mut env = environment.reader();
        let core = Core::read(&mut env, service.state.core.clock.clone());
        let state = core.and_then(|core| RelayState::read_in(relay_cloud, &core, &mut env));
        Self { state: env.finish(state).expect("a configuration") }
    }

    /// Over the function of another service alone.
    async fn with_user_service(service: &Service, cloud: CloudHandle) -> Self {
        Self::new(service, cloud, None, &[("USER_SERVICE_FUNCTION", "user-service")]).await
    }

    async fn invoke(&self, event: Value) -> Result<Value, lambda_runtime::Error> {
        let served = serve_events(self.state.core.clone(), self.state.clone(), handle);
        tests::lambda::invoke(served, event).await
    }

    async fn relay(&self) -> Value {
        self.invoke(json!({ "task": "relay" })).await.unwrap()
    }

    async fn scheduled(&self) -> Value {
        self.invoke(json!({ "task": "scheduled" })).await.unwrap()
    }
}

/// Events of users who have no account: each gets the numbers from 1 on, in turn with the others.
async fn queue(service: &Service, users: u32, each: u32) {
    let now = service.now().millis();
    service
        .sql(&format!(
            "INSERT INTO auth.outbox (user_id, topic, payload, created_at)
             SELECT ('00000000-0000-4000-8000-' || lpad(u::text, 12, '0'))::uuid, 'test.event',
                    jsonb_build_object('n', n), to_timestamp({now} / 1000.0)
               FROM generate_series(1, {each}) AS n, generate_series(1, {users}) AS u
              ORDER BY n, u"
        ))
        .await;
}

async fn undelivered(service: &Service) -> i64 {
    service.count("SELECT count(*) FROM auth.outbox WHERE delivered_at IS NULL").await
}

/// Of each user the numbers of test events in the order in which they came first, and that no number
/// came under two ids.
fn firsts(came: &[Invocation]) -> Vec<Vec<i64>> {
    let mut users: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for invocation in came {
        let payload = &invocation.payload;
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let n = payload["data"]["n"].as_i64().expect("a number");
        let seen = users.entry(text("userId")).or_default();
        match seen.iter().find(|(number, _)| *number == n) {
            Some((_, id)) => assert_eq!(*id, text("id"), "a repeat has the id of before"),
            None => seen.push((n, text("id"))),
        }
    }
    users.into_values().map(|seen| seen.into_iter().map(|(n, _)| n).collect()).collect()
}

/// Longer than any wait after a few failures.
const LATER: Duration = Duration::from_hours(1);
