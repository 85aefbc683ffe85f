//! An event in, an answer out. A refusal is an answer too: the document of the problem. Only the caller's
//! way back differs. An invocation gets the document, a request through a gateway a response that holds it.

use auth_client::Operation;
use lambda_runtime::Error;
use serde::Serialize;
use serde_json::{Value, json};
use shared::http::extract::json::validate;
use shared::http::problem::Problem;
use shared::lambda::invocation_id;
use shared::telemetry::ErrorChain;
use std::pin::Pin;

use crate::caller::{Asked, Invocation, admit, invocation};
use crate::change::{self, ChangeContext};
use crate::flow;
use crate::state::InternalState;
use crate::wire::Call;

/// An event that is being answered.
pub type Handling = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// Answers an event of Lambda. On the heap: all operations together nest deeper than the compiler looks.
pub fn handle_event(state: InternalState, event: Value) -> Handling {
    Box::pin(async move { Ok(handle(&state, &event, &invocation_id()).await) })
}

/// Answers an event. `id` is that of the invocation.
pub async fn handle(state: &InternalState, event: &Value, id: &str) -> Value {
    let (status, answer) = match answer(state, event, id).await {
        Ok(answer) => (200, answer),
        Err(problem) => (problem.status().as_u16(), problem.body(id)),
    };
    match invocation(event) {
        Invocation::Direct => answer,
        Invocation::Http => response(status, &answer, id),
    }
}

async fn answer(state: &InternalState, event: &Value, id: &str) -> Result<Value, Problem> {
    let result = match admit(event) {
        Ok(asked) => call(state, asked, id).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = &result {
        if let Some(cause) = problem.cause() {
            tracing::error!(code = problem.code.as_str(), error = %ErrorChain(cause), "failed");
        } else {
            tracing::info!(code = problem.code.as_str(), "refused");
        }
    }
    result
}

async fn call(
    state: &InternalState,
    Asked { text, caller }: Asked,
    id: &str,
) -> Result<Value, Problem> {
    let Call(operation) = validate(&text)?;
    tracing::Span::current().record("operation", operation.name());
    tracing::info!(caller = caller.as_deref().unwrap_or("direct"), "called");
    let now = state.core.clock.now();
    let context = ChangeContext::new((caller, id), &operation, now)?;
    match operation {
        Operation::GetUser(input) => to_json(flow::get_user(state, input, now).await?),
        Operation::GetDevices(input) => to_json(flow::get_devices(state, input, now).await?),
        Operation::IntrospectToken(input) => {
            to_json(flow::introspect_token(state, input, now).await?)
        }
        Operation::RevokeSessions(input) => {
            to_json(change::revoke_sessions(state, &context, input).await?)
        }
        Operation::ChangePhoneNumber(input) => {
            to_json(change::change_phone_number(state, &context, input).await?)
        }
        Operation::RestoreAccount(input) => {
            to_json(change::restore_account(state, &context, input).await?)
        }
        Operation::ResetSecondFactor(input) => {
            to_json(change::reset_second_factor(state, &context, input).await?)
        }
        Operation::DeleteUser(input) => to_json(change::delete_user(state, &context, input).await?),
    }
}

fn to_json(answer: impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(answer).map_err(Problem::internal)
}

/// As the gateway takes it.
fn response(status: u16, answer: &Value, id: &str) -> Value {
    let content_type = if status == 200 { "application/json" } else { "application/problem+json" };
    let mut headers = json!({
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": id,
    });
    if let Some(seconds) = answer["retryAfterSeconds"].as_u64() {
        headers["retry-after"] = json!(seconds.to_string());
    }
    json!({
        "statusCode": status,
        "headers": headers,
        "cookies": [],
        "body": answer.to_string(),
        "isBase64Encoded": false,
    })
}
