//! Tasks: what one of our functions asks of another by a direct, IAM-signed invocation.
//!
//! A task is an event `{"task": …}` that no gateway made. What a client sends stands inside of a
//! gateway's event, as text below its own fields: it never becomes a task. A task runs as the event of
//! a function without routes does ([`super::typed`]): logged, counted, with secrets loaded beside it.

use axum::Router;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use std::pin::Pin;
use tower::{Service, ServiceExt as _, service_fn};

use super::answer::Answer;
use super::gateway;
use super::typed::serve_events;
use crate::core::Core;

/// What a task gives. An error fails the invocation, and who invoked decides whether to repeat it.
pub type TaskFuture = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

type Run<S> = fn(S, Value) -> TaskFuture;

/// The tasks that a function accepts, by name.
#[derive(Clone)]
pub struct DirectTasks<S: 'static>(&'static [(&'static str, Run<S>)]);

impl<S> DirectTasks<S> {
    #[must_use]
    pub const fn none() -> Self {
        Self(&[])
    }

    #[must_use]
    pub const fn new(tasks: &'static [(&'static str, Run<S>)]) -> Self {
        Self(tasks)
    }

    fn find(&self, event: &Value) -> Option<Run<S>> {
        let asked = task(event)?;
        self.0.iter().find(|(name, _)| *name == asked).map(|(_, run)| *run)
    }
}

/// The task that an event asks for, if no gateway made it. The events of all gateways (HTTP API, REST
/// API, Function URL, load balancer) have a `requestContext`.
#[must_use]
pub fn task(event: &Value) -> Option<&str> {
    let fields = event.as_object()?;
    if fields.contains_key("requestContext") {
        return None;
    }
    fields.get("task")?.as_str()
}

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum DirectAnswer {
    Http(Answer),
    Task(Value),
}

/// Routes behind the gateway's events, with these tasks beside them. An event that asks for none of
/// them goes to the routes' side, which refuses what is no event of a gateway.
pub fn service<S>(
    routes: Router<S>,
    core: Core,
    state: S,
    tasks: DirectTasks<S>,
) -> impl Service<LambdaEvent<Value>, Response = DirectAnswer, Error = Error, Future: Future + Send>
+ Clone
where
    S: Clone + Send + Sync + 'static,
{
    let gateway = gateway::service(routes.with_state(state.clone()), core.clone());
    service_fn(move |event: LambdaEvent<Value>| {
        let run = tasks.find(&event.payload);
        let (gateway, core, state) = (gateway.clone(), core.clone(), state.clone());
        async move {
            match run {
                Some(run) => {
                    let answer = serve_events(core, state, run).oneshot(event).await;
                    answer.map(DirectAnswer::Task)
                }
                None => Ok(DirectAnswer::Http(gateway.oneshot(event).await?)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::task;
    use serde_json::json;

    #[test]
    fn only_an_event_that_no_gateway_made_asks_for_a_task() {
        assert_eq!(task(&json!({ "task": "relay" })), Some("relay"));
        for event in [
            json!({ "task": "relay", "requestContext": {} }),
            json!({ "task": "relay", "requestContext": null }),
            json!({ "task": 1 }),
            json!({ "body": "{\"task\":\"relay\"}" }),
            json!({ "body": { "task": "relay" } }),
            json!(["task", "relay"]),
            json!("relay"),
            json!(null),
        ] {
            assert_eq!(task(&event), None, "{event}");
        }
    }
}
