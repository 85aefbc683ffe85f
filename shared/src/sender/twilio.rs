//! Twilio's Programmable Messaging: `POST /2010-04-01/Accounts/{sid}/Messages.json`, a
//! form with To, From and Body, basic authentication.

use std::time::Duration;

use super::{CodeSender, Message, SendError, Sending};
use crate::config::TwilioConfig;

/// A request as a whole has five seconds, and the fallback wants some of them.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Twilio {
    config: TwilioConfig,
    client: reqwest::Client,
}

impl Twilio {
    pub(super) fn new(config: TwilioConfig) -> Result<Self, SendError> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // Number and code are for the configured address alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| SendError::Unreachable("twilio"))?;
        Ok(Self { config, client })
    }
}

impl CodeSender for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let TwilioConfig { account_sid, auth_token, from, base_url } = &self.config;
            let url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
            let form = [
                ("To", message.to.as_e164()),
                ("From", from.as_str()),
                ("Body", message.body.expose().as_str()),
            ];
            let response = self
                .client
                .post(url)
                .basic_auth(account_sid, Some(auth_token.expose()))
                .form(&form)
                .send()
                .await
                .map_err(|_| SendError::Unreachable(self.name()))?;
            let status = response.status();
            if status.is_success() {
                Ok(())
            } else {
                Err(SendError::Refused(self.name(), status.as_u16()))
            }
        })
    }
}
