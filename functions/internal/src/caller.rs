//! Who invokes. Lambda itself lets in only whoever IAM allows to invoke the function. An event of a gateway
//! is another matter: the gateway is the one that is allowed, and anybody may have sent the request. It
//! counts only if the gateway says that it has verified a signature by IAM (`requestContext.authorizer.iam`,
//! of an HTTP API with IAM authorization or a function URL with `AWS_IAM`). This function verifies no
//! signature: AWS has done it, and the gateway removes what a client writes into that place.
//!
//! What a request says in its body is never taken for an event. So no request can pass itself off as an
//! invocation without a gateway.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use shared::http::problem::{Code, Problem};

/// Fields that only events of gateways and of other services have. Every event of a gateway has some.
const OF_GATEWAYS: [&str; 9] = [
    "requestContext",
    "headers",
    "multiValueHeaders",
    "httpMethod",
    "rawPath",
    "routeKey",
    "isBase64Encoded",
    "Records",
    "detail-type",
];

/// How the function was invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// The answer is the document itself.
    Direct,
    /// The answer is a response.
    Http,
}

/// What was asked for, by whom.
#[derive(Debug)]
pub(crate) struct Asked {
    /// A JSON object, or what should be one.
    pub text: String,
    /// The ARN that the gateway has verified.
    pub caller: Option<String>,
}

pub(crate) fn invocation(event: &Value) -> Invocation {
    if OF_GATEWAYS.iter().any(|name| event.get(name).is_some()) {
        Invocation::Http
    } else {
        Invocation::Direct
    }
}

/// What the event asks for, if its sender may ask.
pub(crate) fn admit(event: &Value) -> Result<Asked, Problem> {
    match invocation(event) {
        Invocation::Direct => Ok(Asked { text: event.to_string(), caller: None }),
        Invocation::Http => {
            let caller = iam_caller(event).ok_or_else(forbidden)?;
            Ok(Asked { text: body(event)?, caller: Some(caller) })
        }
    }
}

fn forbidden() -> Problem {
    Problem::new(Code::InvocationForbidden)
}

/// Only payload format 2.0 has the ARN in this place.
fn iam_caller(event: &Value) -> Option<String> {
    if event["version"] != "2.0" {
        return None;
    }
    let arn = event["requestContext"]["authorizer"]["iam"]["userArn"].as_str()?;
    arn.starts_with("arn:").then(|| arn.to_owned())
}

fn body(event: &Value) -> Result<String, Problem> {
    let text = event["body"].as_str().unwrap_or_default();
    if event["isBase64Encoded"] != true {
        return Ok(text.to_owned());
    }
    let bytes = BASE64.decode(text).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Problem::new(Code::BodyMalformed))
}
