//! Routes behind the events of API Gateway's HTTP API.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::convert::Infallible;
use std::future::Future;
use tower::{Service, ServiceExt as _, service_fn};

use super::answer::{self, Answer};
use super::event;
use crate::core::Core;
use crate::http;
use crate::http::problem::{Code, Problem};

/// Routes behind the gateway's events. Every event is answered, whatever it holds: an
/// invocation that fails is a 500 of the gateway, without our headers.
pub fn service(
    routes: Router,
    core: Core,
) -> impl Service<LambdaEvent<Value>, Response = Answer, Error = Infallible, Future: Future + Send> + Clone
{
    let unsupported = Router::new().fallback(async || Problem::new(Code::Internal));
    let unsupported = http::serve(unsupported, core.clone());
    let router = http::serve(routes, core);
    service_fn(move |event: LambdaEvent<Value>| {
        let (router, unsupported) = (router.clone(), unsupported.clone());
        async move {
            let response = match event::request(event.payload) {
                Ok(request) => router.oneshot(request).await?,
                // The deployment is at fault, and nobody says whose request it is.
                Err(error) => {
                    tracing::error!(error = %error, "failed to read an event");
                    unsupported.oneshot(Request::new(Body::empty())).await?
                }
            };
            Ok(answer::answer(response).await)
        }
    })
}
