//! Twilio's Programmable Messaging: `POST /2010-04-01/Accounts/{sid}/Messages.json`, a
//! form with To, From and Body, basic authentication.

use secrecy::SecretString;
use shared::config::EnvReader;
use shared::secrets::{LiveSecret, SecretName, plain_text};
use shared::sender::{CodeSender, Message, Role, SendError, Sending};
use std::sync::Arc;

use crate::outbound::{HttpClient, Outbound, address};

#[derive(Clone, Debug)]
pub(crate) struct TwilioConfig {
    account_sid: String,
    auth_token: Arc<LiveSecret<SecretString>>,
    from: String,
    base_url: String,
}

impl TwilioConfig {
    pub(crate) fn read(env: &mut EnvReader, outbound: Outbound) -> Option<Self> {
        let account_sid = env.required("TWILIO_ACCOUNT_SID");
        let auth_token = env.live_secret(SecretName::TwilioAuthToken, plain_text);
        let from = env.required("TWILIO_FROM");
        // Tests set another.
        let base_url = address(env, outbound, "TWILIO_API_URL", "https://api.twilio.com");
        Some(Self { account_sid, auth_token: auth_token?, from, base_url })
    }
}
use secrecy::ExposeSecret as _;

pub(crate) struct Twilio {
    config: TwilioConfig,
    client: HttpClient,
}

impl Twilio {
    pub(crate) fn new(config: TwilioConfig, outbound: Outbound) -> Self {
        Self { config, client: HttpClient::new(outbound) }
    }
}

impl CodeSender for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn send<'a>(&'a self, message: &'a Message, _: Role) -> Sending<'a> {
        Box::pin(async move {
            let TwilioConfig { account_sid, auth_token, from, base_url } = &self.config;
            let url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
            let form = [
                ("To", message.to.as_e164()),
                ("From", from.as_str()),
                ("Body", message.body.expose_secret()),
            ];
            let unreachable = SendError::Unreachable(self.name());
            let response = self
                .client
                .get()
                .ok_or(unreachable)?
                .post(url)
                .basic_auth(account_sid, Some(auth_token.current().expose_secret()))
                .form(&form)
                .send()
                .await
                .map_err(|_| unreachable)?;
            let status = response.status();
            if status.is_success() {
                Ok(None)
            } else {
                Err(SendError::Refused(self.name(), status.as_u16()))
            }
        })
    }
}
