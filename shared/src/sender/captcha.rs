//! The challenge hook: a service that tells people from programs (Turnstile, hCaptcha,
//! reCAPTCHA and their like speak this form: `secret`, `response`, `remoteip` in,
//! `{success}` out) approves before an SMS is paid for. It fails closed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use thiserror::Error;

use super::HttpClient;
use crate::config::CaptchaConfig;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaptchaError {
    #[error("the challenge is not approved")]
    Refused,
    #[error("the challenge service cannot be reached")]
    Unreachable,
}

/// The hook, if one is configured.
pub struct CaptchaVerifier {
    config: Option<CaptchaConfig>,
    client: HttpClient,
}

impl CaptchaVerifier {
    pub(crate) fn new(config: Option<CaptchaConfig>) -> Self {
        Self { config, client: HttpClient::default() }
    }

    /// Asks whether the answer to a challenge is good; without a hook everything is.
    pub async fn approve(
        &self,
        response: Option<&SecretString>,
        address: &str,
    ) -> Result<(), CaptchaError> {
        #[derive(Deserialize)]
        struct Answer {
            success: bool,
        }
        let Some(config) = &self.config else { return Ok(()) };
        let response = response.ok_or(CaptchaError::Refused)?;
        let secret = config.secret.as_ref().map_or("", |secret| secret.expose_secret());
        let form =
            [("secret", secret), ("response", response.expose_secret()), ("remoteip", address)];
        let client = self.client.get().ok_or(CaptchaError::Unreachable)?;
        let answer = client.post(&config.url).form(&form).send().await;
        let answer = answer.map_err(|_| CaptchaError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(CaptchaError::Unreachable);
        }
        let answer: Answer = answer.json().await.map_err(|_| CaptchaError::Unreachable)?;
        if answer.success { Ok(()) } else { Err(CaptchaError::Refused) }
    }
}
