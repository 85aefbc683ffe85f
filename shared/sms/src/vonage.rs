//! Vonage's SMS API: `POST /sms/json` with key, secret, from, to and text. It answers 200
//! in any case; the status of the one message says whether it was accepted.

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use secrecy::SecretString;
use shared::config::EnvReader;
use shared::secrets::{LiveSecret, SecretName, plain_text};
use shared::sender::{CodeSender, Message, Role, SendError, Sending};
use std::sync::Arc;

use crate::outbound::{HttpClient, Outbound, address};

#[derive(Clone, Debug)]
pub(crate) struct VonageConfig {
    api_key: String,
    api_secret: Arc<LiveSecret<SecretString>>,
    from: String,
    base_url: String,
}

impl VonageConfig {
    pub(crate) fn read(env: &mut EnvReader, outbound: Outbound) -> Option<Self> {
        let api_key = env.required("VONAGE_API_KEY");
        let api_secret = env.live_secret(SecretName::VonageApiSecret, plain_text);
        let from = env.required("VONAGE_FROM");
        // Tests set another.
        let base_url = address(env, outbound, "VONAGE_API_URL", "https://rest.nexmo.com");
        Some(Self { api_key, api_secret: api_secret?, from, base_url })
    }
}

pub(crate) struct Vonage {
    config: VonageConfig,
    client: HttpClient,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    messages: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    status: String,
}

impl Vonage {
    pub(crate) fn new(config: VonageConfig, outbound: Outbound) -> Self {
        Self { config, client: HttpClient::new(outbound) }
    }
}

impl CodeSender for Vonage {
    fn name(&self) -> &'static str {
        "vonage"
    }

    fn send<'a>(&'a self, message: &'a Message, _: Role) -> Sending<'a> {
        Box::pin(async move {
            let VonageConfig { api_key, api_secret, from, base_url } = &self.config;
            let unreachable = SendError::Unreachable(self.name());
            let body = json!({
                "api_key": api_key,
                "api_secret": api_secret.current().expose_secret(),
                "from": from,
                // Without the plus, as Vonage writes numbers.
                "to": message.to.as_e164().trim_start_matches('+'),
                "text": message.body.expose_secret(),
            });
            let client = self.client.get().ok_or(unreachable)?;
            let response = client.post(format!("{base_url}/sms/json")).json(&body).send().await;
            let response = response.map_err(|_| unreachable)?;
            let status = response.status();
            let answer: Answer = response
                .json()
                .await
                .map_err(|_| SendError::Refused(self.name(), status.as_u16()))?;
            let sent =
                !answer.messages.is_empty() && answer.messages.iter().all(|m| m.status == "0");
            if status.is_success() && sent {
                Ok(None)
            } else {
                Err(SendError::Refused(self.name(), status.as_u16()))
            }
        })
    }
}
