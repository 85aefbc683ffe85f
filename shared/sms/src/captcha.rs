//! The captcha: a service that distinguishes people from programs (Turnstile, hCaptcha, reCAPTCHA;
//! all take the form fields `secret`, `response`, `remoteip` and answer `{success}`)
//! approves before an SMS is paid for. It fails closed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared::config::{EnvReader, Stage};
use shared::http::problem::{Code, Problem};
use shared::secrets::{LiveSecret, SecretName, plain_text};
use thiserror::Error;

use crate::outbound::{HttpClient, Outbound, optional_address};
use std::sync::Arc;
use std::time::Duration;

/// The provider answers within this: the request has five seconds, and is to send a message.
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaptchaError {
    #[error("the captcha is not solved")]
    Refused,
    #[error("the captcha service cannot be reached")]
    Unreachable,
}

impl From<CaptchaError> for Problem {
    fn from(error: CaptchaError) -> Self {
        match error {
            CaptchaError::Refused => Self::new(Code::ChallengeRefused),
            CaptchaError::Unreachable => Self::unavailable(error),
        }
    }
}

struct CaptchaConfig {
    url: String,
    secret: Option<Arc<LiveSecret<SecretString>>>,
}

/// The captcha service, if one is configured.
pub struct CaptchaVerifier {
    config: Option<CaptchaConfig>,
    client: HttpClient,
}

impl CaptchaVerifier {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let outbound = Outbound::of(stage);
        let url = optional_address(env, outbound, "SMS_CHALLENGE_URL");
        let secret = env.optional_live_secret(SecretName::CaptchaSecret, plain_text);
        let config = url.map(|url| CaptchaConfig { url, secret });
        Self { config, client: HttpClient::new(outbound) }
    }

    /// Asks the service whether the answer is right. Without a service every answer is, and
    /// nothing was solved. Returns whether a captcha was solved.
    pub async fn approve(
        &self,
        response: Option<&SecretString>,
        address: &str,
    ) -> Result<bool, CaptchaError> {
        #[derive(Deserialize)]
        struct Answer {
            success: bool,
        }
        let Some(config) = &self.config else { return Ok(false) };
        let response = response.ok_or(CaptchaError::Refused)?;
        let secret = config.secret.as_ref().map(|secret| secret.current());
        let secret = secret.as_ref().map_or("", |secret| secret.expose_secret());
        let form =
            [("secret", secret), ("response", response.expose_secret()), ("remoteip", address)];
        let client = self.client.get().ok_or(CaptchaError::Unreachable)?;
        let answer = client.post(&config.url).timeout(TIMEOUT).form(&form).send().await;
        let answer = answer.map_err(|_| CaptchaError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(CaptchaError::Unreachable);
        }
        let answer: Answer = answer.json().await.map_err(|_| CaptchaError::Unreachable)?;
        if answer.success { Ok(true) } else { Err(CaptchaError::Refused) }
    }
}
