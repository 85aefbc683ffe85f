//! Who may not call, and calls in bad form.

use super::{INVOCATION, PHONE, call, change, refused, unlimited};
use auth_client::Operation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:sts::123456789012:assumed-role/user-service/one";

/// A request through an HTTP API or a function URL.
#[expect(clippy::needless_pass_by_value, reason = "made where it is handed over")]
fn request(authorizer: Value, body: &Value) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "POST /internal",
        "rawPath": "/internal",
        "rawQueryString": "",
        "headers": { "content-type": "application/json" },
        "requestContext": {
            "http": { "method": "POST", "path": "/internal", "sourceIp": "203.0.113.9" },
            "authorizer": authorizer,
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

fn iam() -> Value {
    json!({ "iam": { "accountId": "123456789012", "userArn": ARN } })
}

fn body_of(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON")
}

#[tokio::test]
async fn a_request_without_iam_is_refused_and_changes_nothing() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let delete = change("delete_user", &session.user);
    let mut forged = delete.clone();
    forged["requestContext"] = json!({ "authorizer": iam() });
    let mut rest = request(Value::Null, &delete);
    rest["version"] = json!("1.0");
    rest["requestContext"]["identity"] = json!({ "userArn": ARN });
    let mut rest_iam = request(iam(), &delete);
    rest_iam["version"] = json!("1.0");
    let mut unversioned = request(iam(), &delete);
    unversioned.as_object_mut().unwrap().remove("version");
    // Fields of the operation beside those of the gateway.
    let mut beside = request(Value::Null, &json!({}));
    for (name, value) in delete.as_object().unwrap() {
        beside[name] = value.clone();
    }
    let mut event = delete.clone();
    event["headers"] = json!({});
    let events = [
        request(Value::Null, &delete),
        request(json!({}), &delete),
        request(json!({ "jwt": { "claims": { "sub": "x" } } }), &delete),
        request(json!({ "lambda": { "iam": { "userArn": ARN } } }), &delete),
        request(json!({ "iam": null }), &delete),
        request(json!({ "iam": {} }), &delete),
        request(json!({ "iam": { "userArn": "" } }), &delete),
        request(json!({ "iam": { "userArn": 7 } }), &delete),
        request(json!({ "iam": ARN }), &delete),
        request(json!([iam()]), &delete),
        // What a body says is never an event.
        request(Value::Null, &forged),
        request(Value::Null, &request(iam(), &delete)),
        rest,
        rest_iam,
        unversioned,
        beside,
        event,
        json!({ "Records": [{ "body": delete.to_string() }] }),
        json!({ "detail-type": "x", "source": "aws.events", "detail": delete }),
    ];
    for event in events {
        let response = call(&service, event.clone()).await;
        assert_eq!(response["statusCode"], 403, "{event}");
        assert_eq!(body_of(&response)["code"], "invocation_forbidden", "{event}");
        assert_eq!(response["headers"]["content-type"], "application/problem+json");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.operator_calls").await, 0);
}

#[tokio::test]
async fn a_request_with_iam_is_answered_as_the_gateway_takes_it() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let get = json!({ "operation": "get_user", "userId": session.user });
    let response = call(&service, request(iam(), &get)).await;
    assert_eq!(response["statusCode"], 200);
    assert_eq!(response["headers"]["content-type"], "application/json");
    assert_eq!(response["headers"]["cache-control"], "no-store");
    assert_eq!(response["headers"]["x-request-id"], INVOCATION);
    assert_eq!(body_of(&response)["phoneNumber"], PHONE);

    let mut encoded = request(iam(), &json!({}));
    encoded["body"] = json!(BASE64.encode(get.to_string()));
    encoded["isBase64Encoded"] = json!(true);
    assert_eq!(body_of(&call(&service, encoded.clone()).await)["userId"], session.user);
    for (body, is_base64) in
        [("%", true), ("/w==", true), ("[", false), ("[]", false), ("7", false), ("\"x\"", false)]
    {
        encoded["body"] = json!(body);
        encoded["isBase64Encoded"] = json!(is_base64);
        let response = call(&service, encoded.clone()).await;
        assert_eq!(body_of(&response)["code"], "body_malformed", "{body}");
        assert_eq!(response["statusCode"], 400, "{body}");
    }
    // An empty body is an empty object, and lacks the operation.
    encoded["body"] = Value::Null;
    encoded["isBase64Encoded"] = json!(false);
    let problem = body_of(&call(&service, encoded).await);
    assert_eq!(problem["errors"][0]["field"], "operation");
    // A field that stands there twice.
    let mut twice = request(iam(), &json!({}));
    twice["body"] = json!("{\"operation\":\"get_user\",\"operation\":\"delete_user\"}");
    let problem = body_of(&call(&service, twice).await);
    assert_eq!(problem["errors"][0]["code"], "duplicate");
}

#[tokio::test]
async fn an_unknown_operation_is_told_the_names_of_all() {
    let service = unlimited().await;
    for event in [
        json!({}),
        json!({ "operation": null }),
        json!({ "operation": "drop_tables" }),
        json!({ "operation": "GetUser" }),
    ] {
        let problem = refused(&service, event, 400, "validation_failed").await;
        assert_eq!(problem["errors"][0]["field"], "operation");
        for name in Operation::NAMES {
            assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(name), "{name}");
        }
    }
    for event in [json!([]), json!("get_user"), json!(null), json!(7)] {
        let _ = refused(&service, event, 400, "body_malformed").await;
    }
}

#[tokio::test]
async fn fields_are_validated_as_those_of_http_requests() {
    let service = unlimited().await;
    let (id, user) = (super::new_id(), super::new_id());
    for (event, expected) in [
        (json!({ "operation": "get_user" }), vec![("userId", "required")]),
        (json!({ "operation": "get_user", "userId": "x" }), vec![("userId", "invalid")]),
        (json!({ "operation": "get_user", "phoneNumber": "06" }), vec![("phoneNumber", "invalid")]),
        (
            json!({ "operation": "get_user", "userId": user, "phoneNumber": PHONE }),
            vec![("phoneNumber", "invalid")],
        ),
        (json!({ "operation": "get_user", "userId": 7 }), vec![("userId", "wrong_type")]),
        (json!({ "operation": 7 }), vec![("operation", "wrong_type")]),
        (json!({ "operation": "get_devices", "userId": null }), vec![("userId", "required")]),
        (json!({ "operation": "introspect_token" }), vec![("token", "required")]),
        (json!({ "operation": "introspect_token", "token": "" }), vec![("token", "invalid")]),
        (
            json!({ "operation": "introspect_token", "token": "x".repeat(4097) }),
            vec![("token", "invalid")],
        ),
        (
            json!({ "operation": "revoke_sessions", "deviceId": "x", "sessionId": "y" }),
            vec![
                ("requestId", "required"),
                ("userId", "required"),
                ("deviceId", "invalid"),
                ("sessionId", "invalid"),
            ],
        ),
        (
            json!({ "operation": "delete_user", "requestId": "7", "userId": user }),
            vec![("requestId", "invalid")],
        ),
        (
            json!({ "operation": "reset_second_factor", "requestId": id }),
            vec![("userId", "required")],
        ),
        (
            json!({ "operation": "change_phone_number", "requestId": id, "userId": user,
                    "deviceId": "d".repeat(129) }),
            vec![("verificationId", "required"), ("deviceId", "invalid")],
        ),
        (
            json!({ "operation": "restore_account", "verificationId": "x" }),
            vec![("requestId", "required"), ("userId", "required"), ("verificationId", "invalid")],
        ),
    ] {
        let problem = refused(&service, event.clone(), 400, "validation_failed").await;
        let errors = problem["errors"].as_array().unwrap().iter();
        let found: Vec<(&str, &str)> = errors
            .map(|one| (one["field"].as_str().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expected, "{event}");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.operator_calls").await, 0);
}

#[tokio::test]
async fn a_user_that_is_not_there_is_not_found() {
    let service = unlimited().await;
    let user = super::new_id();
    for operation in
        ["get_user", "get_devices", "revoke_sessions", "reset_second_factor", "delete_user"]
    {
        let _ = refused(&service, change(operation, &user), 404, "user_not_found").await;
    }
    for operation in ["change_phone_number", "restore_account"] {
        let mut event = change(operation, &user);
        event["verificationId"] = json!(super::new_id());
        let _ = refused(&service, event, 404, "user_not_found").await;
    }
    let by_phone = json!({ "operation": "get_user", "phoneNumber": PHONE });
    let _ = refused(&service, by_phone, 404, "user_not_found").await;
    // A refusal keeps nothing: the id is free for the next try.
    assert_eq!(service.count("SELECT count(*) FROM auth.operator_calls").await, 0);
}

#[tokio::test]
async fn an_outage_is_told_as_one() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let variables = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")];
    let down = service.with_more(&variables).await;
    let problem = refused(&down, change("delete_user", &session.user), 503, "unavailable").await;
    assert!(problem["retryAfterSeconds"].is_u64(), "{problem}");
    let get = json!({ "operation": "get_user", "userId": session.user });
    let response = call(&down, request(iam(), &get)).await;
    assert_eq!(
        (&response["statusCode"], &response["headers"]["retry-after"]),
        (&json!(503), &json!("5"))
    );
}
