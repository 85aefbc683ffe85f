//! `POST /dev/internal`: the internal operations on a laptop, where no Lambda can be invoked. The body is
//! the event of a direct invocation. There is no such route in any stage but `local`.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use internal::{InternalState, handle};
use serde_json::Value;
use shared::http::context::RequestContext;
use shared::http::problem::{Code, Problem};

pub fn router(state: InternalState) -> Router {
    Router::new().route("/dev/internal", post(call)).with_state(state)
}

/// A body that does not say that it is JSON is refused: a page of another origin could send it.
async fn call(
    State(state): State<InternalState>,
    context: RequestContext,
    event: Result<Json<Value>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(event) = event.map_err(|rejection| match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(Code::NotJson),
        _ => Problem::new(Code::BodyMalformed),
    })?;
    // On the heap: all operations together nest deeper than the compiler looks.
    let answer = Box::pin(handle(&state, &event, context.request_id())).await;
    Ok(Json(answer).into_response())
}
