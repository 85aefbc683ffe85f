//! Passwords for the nodes of a cluster: its client opens connections by itself, long after
//! the first, when nodes appear or are lost.

use futures_core::Stream;
use redis::{BasicAuth, ErrorKind, RedisError, RedisResult, StreamingCredentialsProvider};
use secrecy::ExposeSecret as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::config::redis::Login;
use crate::telemetry::ErrorChain;

/// The user of a server that knows one password alone.
const DEFAULT_USER: &str = "default";

/// Gives each new connection the newest password.
pub(super) struct Credentials(pub(super) Login);

impl StreamingCredentialsProvider for Credentials {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        Box::pin(Once(Some(Box::pin(credentials(self.0.clone())))))
    }
}

async fn credentials(login: Login) -> RedisResult<BasicAuth> {
    let password = login.password().await.map_err(|error| {
        tracing::warn!(error = %ErrorChain(&error), "failed to get a password for redis");
        RedisError::from((ErrorKind::AuthenticationFailed, "there is no password"))
    })?;
    let user = login.username.unwrap_or_else(|| DEFAULT_USER.to_owned());
    let password = password.map(|password| password.expose_secret().to_owned());
    Ok(BasicAuth::new(user, password.unwrap_or_default()))
}

type Coming = Pin<Box<dyn Future<Output = RedisResult<BasicAuth>> + Send>>;

/// One item, and never an end: an end would be logged as an error. The connection is replaced
/// before it must authenticate again.
struct Once(Option<Coming>);

impl Stream for Once {
    type Item = RedisResult<BasicAuth>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(coming) = &mut self.0 else { return Poll::Pending };
        let polled = coming.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled.map(Some)
    }
}
