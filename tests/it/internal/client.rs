//! The Rust client, over the SDK: calls reach the function as Lambda would hand them over.

use super::{INVOCATION, PHONE, handle, state, unlimited};
use auth_client::{
    AuthClient, CallError, DeleteUser, GetDevices, GetUser, IntrospectToken, ResetSecondFactor,
    RevokeSessions, Sensitive,
};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use internal::InternalState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::Service;
use tests::local_aws::config;
use uuid::Uuid;

/// Lambda with the one function, which may crash.
#[derive(Clone)]
struct Lambda {
    function: InternalState,
    crashes: Arc<AtomicBool>,
}

async fn invoke(State(lambda): State<Lambda>, Path(name): Path<String>, body: String) -> Response {
    if name != "auth-internal" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if lambda.crashes.load(Ordering::SeqCst) {
        let error = [("x-amz-function-error", "Unhandled")];
        return (error, r#"{"errorMessage":"crashed"}"#).into_response();
    }
    let event = serde_json::from_str(&body).expect("JSON");
    handle(&lambda.function, &event, INVOCATION).await.to_string().into_response()
}

async fn client(service: &Service) -> (AuthClient, Arc<AtomicBool>) {
    let crashes = Arc::new(AtomicBool::new(false));
    let lambda = Lambda { function: state(service), crashes: crashes.clone() };
    let routes = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .with_state(lambda);
    let url = tests::service::listen(routes).await;
    let sdk = auth_client::aws_sdk_lambda::Client::new(&config(&url));
    (AuthClient::new(sdk, "auth-internal"), crashes)
}

#[tokio::test]
async fn a_service_reads_and_changes_an_account() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let user_id = Uuid::try_parse(&session.user).unwrap();
    let (auth, crashes) = client(&service).await;

    let user = auth.get_user(GetUser::by_phone(PHONE)).await.unwrap();
    assert_eq!((user.user_id, user.device_count), (user_id, 1));
    assert_eq!(user.phone_number.as_ref().map(Sensitive::expose), Some(PHONE));
    assert!(!format!("{user:?}").contains(PHONE), "it does not print");
    assert_eq!(auth.get_user(GetUser::by_id(user_id)).await.unwrap(), user);
    let devices = auth.get_devices(GetDevices { user_id }).await.unwrap();
    assert_eq!(devices.devices[0].device_id.to_string(), session.device);
    let token = Sensitive::from(session.access.as_str());
    let ask = IntrospectToken { token };
    assert_eq!(auth.introspect_token(ask.clone()).await.unwrap().user_id, Some(user_id));

    let request_id = Uuid::from_bytes(shared::clock::Rng.bytes());
    let revoke = RevokeSessions { request_id, user_id, device_id: None, session_id: None };
    // A function that crashed may have made the change: it is repeated with its id.
    crashes.store(true, Ordering::SeqCst);
    let crashed = auth.revoke_sessions(revoke.clone()).await.unwrap_err();
    assert!(matches!(&crashed, CallError::Function(kind) if kind == "Unhandled"), "{crashed:?}");
    crashes.store(false, Ordering::SeqCst);
    assert_eq!(auth.revoke_sessions(revoke.clone()).await.unwrap().ended_sessions, 1);
    assert_eq!(auth.revoke_sessions(revoke).await.unwrap().ended_sessions, 1);
    assert!(!auth.introspect_token(ask).await.unwrap().active);

    let reset = ResetSecondFactor { request_id, user_id };
    let refused = auth.reset_second_factor(reset).await.unwrap_err();
    let CallError::Refused(problem) = refused else { panic!("{refused:?}") };
    assert_eq!((problem.status, problem.errors[0].code.as_str()), (400, "reused"));
    let request_id = Uuid::from_bytes(shared::clock::Rng.bytes());
    let deleted = auth.delete_user(DeleteUser { request_id, user_id }).await.unwrap();
    assert_eq!(deleted.user_id, user_id);
    let refused = auth.get_user(GetUser::by_id(user_id)).await.unwrap_err();
    assert_eq!(refused.to_string(), "refused with user_not_found (404)");
}

#[tokio::test]
async fn a_function_that_is_not_there_is_told() {
    let service = unlimited().await;
    let (_, _) = client(&service).await;
    let sdk = auth_client::aws_sdk_lambda::Client::new(&config("http://127.0.0.1:1"));
    let auth = AuthClient::new(sdk, "auth-internal");
    let failed = auth.get_user(GetUser::by_phone(PHONE)).await.unwrap_err();
    assert!(matches!(failed, CallError::Invoke(_)), "{failed:?}");
    assert!(!format!("{failed:?}").contains(PHONE));
}
