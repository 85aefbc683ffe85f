//! A function as Lambda invokes it.

use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use tower::{Service, ServiceExt as _};

/// What a function answers to one event.
pub async fn invoke<S>(function: S, event: Value) -> Result<Value, S::Error>
where
    S: Service<LambdaEvent<Value>, Response: Serialize>,
{
    let answer = function.oneshot(LambdaEvent::new(event, Context::default())).await?;
    Ok(serde_json::to_value(answer).expect("JSON"))
}
