//! The challenge hook: a service that tells people from programs (Turnstile, hCaptcha,
//! reCAPTCHA and their like speak this form: `secret`, `response`, `remoteip` in,
//! `{success}` out) approves before an SMS is paid for. It fails closed.

use domain::secret::Secret;
use serde::Deserialize;
use thiserror::Error;

use super::HttpClient;
use crate::config::ChallengeConfig;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChallengeError {
    #[error("the challenge is not approved")]
    Refused,
    #[error("the challenge service cannot be reached")]
    Unreachable,
}

/// The hook, if one is configured.
pub struct Challenge {
    config: Option<ChallengeConfig>,
    client: HttpClient,
}

impl Challenge {
    pub(crate) fn new(config: Option<ChallengeConfig>) -> Self {
        Self { config, client: HttpClient::default() }
    }

    /// Asks whether the answer to a challenge is good; without a hook everything is.
    pub async fn approve(
        &self,
        response: Option<&Secret<String>>,
        address: &str,
    ) -> Result<(), ChallengeError> {
        #[derive(Deserialize)]
        struct Answer {
            success: bool,
        }
        let Some(config) = &self.config else { return Ok(()) };
        let response = response.ok_or(ChallengeError::Refused)?;
        let secret = config.secret.as_ref().map_or("", |secret| secret.expose());
        let form =
            [("secret", secret), ("response", response.expose().as_str()), ("remoteip", address)];
        let client = self.client.get().ok_or(ChallengeError::Unreachable)?;
        let answer = client.post(&config.url).form(&form).send().await;
        let answer = answer.map_err(|_| ChallengeError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(ChallengeError::Unreachable);
        }
        let answer: Answer = answer.json().await.map_err(|_| ChallengeError::Unreachable)?;
        if answer.success { Ok(()) } else { Err(ChallengeError::Refused) }
    }
}
