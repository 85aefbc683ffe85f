//! The operator's own sender: `POST` of the message as JSON to an HTTPS endpoint, signed as
//! Standard Webhooks 1.0 has it, so that receivers can use a library of theirs. See
//! docs/sms-hook.md.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use shared::clock::date_time;
use shared::config::EnvReader;
use shared::secrets::{LiveSecret, SecretName};
use shared::sender::{CodeSender, Message, Role, SendError, Sending, text};
use std::sync::Arc;

use crate::outbound::{HttpClient, Outbound, optional_address};

const URL: &str = "SMS_HOOK_URL";
/// Attempts in all, within the sender's time limit.
const ATTEMPTS: usize = 2;

pub(crate) struct Hook {
    url: String,
    keys: Arc<LiveSecret<SigningSecrets>>,
    client: HttpClient,
}

/// The secrets that sign: during a rotation the new one and the one before.
struct SigningSecrets(Vec<hmac::Key>);

impl SigningSecrets {
    /// Reads the variable `SMS_HOOK_SECRET`.
    fn parse(text: &SecretString) -> Result<Self, &'static str> {
        const ERROR: &str = "must be whsec_ and the base64 of 24 to 64 random bytes, or two such separated by a comma";
        let key = |text: &str| {
            let bytes =
                text.trim().strip_prefix("whsec_").and_then(|text| BASE64.decode(text).ok());
            let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len()))?;
            Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        let keys: Option<Vec<_>> = text.expose_secret().split(',').map(key).collect();
        keys.filter(|keys| keys.len() <= 2).map(Self).ok_or(ERROR)
    }

    /// The header `webhook-signature`: one for each secret.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let content = format!("{id}.{timestamp}.{body}");
        let signature = |key| format!("v1,{}", BASE64.encode(hmac::sign(key, content.as_bytes())));
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

impl Hook {
    pub(crate) fn read(env: &mut EnvReader, outbound: Outbound) -> Option<Self> {
        let url = optional_address(env, outbound, URL);
        if url.is_none() {
            env.error(URL, "is not set");
        }
        let keys = env.live_secret(SecretName::SmsHookSecret, SigningSecrets::parse);
        Some(Self { url: url?, keys: keys?, client: HttpClient::new(outbound) })
    }

    async fn post(&self, message: &Message, role: Role) -> Result<Option<String>, SendError> {
        let unreachable = SendError::Unreachable(self.name());
        let client = self.client.get().ok_or(unreachable)?;
        let id = format!("msg_{}", message.id.simple());
        let timestamp = message.at.seconds();
        let body = payload(message, role);
        let signature = self.keys.current().sign(&id, timestamp, &body);
        let mut attempt = 1;
        loop {
            let answer = client
                .post(&self.url)
                .header("content-type", "application/json")
                .header("webhook-id", &id)
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", &signature)
                .body(body.clone())
                .send()
                .await;
            let error = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(None),
                Ok(answer) => SendError::Refused(self.name(), answer.status().as_u16()),
                Err(_) => unreachable,
            };
            let may_pass =
                matches!(error, SendError::Unreachable(_) | SendError::Refused(_, 500..));
            if attempt == ATTEMPTS || !may_pass {
                return Err(error);
            }
            attempt += 1;
        }
    }
}

fn payload(message: &Message, role: Role) -> String {
    let body = message.body.expose_secret();
    let (text, reason) = match role {
        Role::First => (body.to_owned(), "route"),
        Role::Fallback => (text::with_reason(message.language, body), "fallback"),
    };
    json!({
        "type": if message.code.is_some() { "verification.code" } else { "security.notice" },
        "timestamp": date_time(message.at),
        "data": {
            "to": message.to.as_e164(),
            "code": message.code.as_ref().map(ExposeSecret::expose_secret),
            "text": text,
            "language": message.language.tag(),
            "reason": reason,
        },
    })
    .to_string()
}

impl CodeSender for Hook {
    fn name(&self) -> &'static str {
        "hook"
    }

    fn send<'a>(&'a self, message: &'a Message, role: Role) -> Sending<'a> {
        Box::pin(self.post(message, role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let keys = SigningSecrets::parse(&secret).unwrap();
        let signature =
            keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn one_or_two_secrets_are_read() {
        let secret = format!("whsec_{}", BASE64.encode([7; 24]));
        let count =
            |text: String| SigningSecrets::parse(&text.into()).map(|keys| keys.0.len()).ok();
        assert_eq!(count(secret.clone()), Some(1));
        assert_eq!(count(format!("{secret}, {secret}")), Some(2));
        for bad in [
            String::new(),
            "whsec_".to_owned(),
            "whsec_c2hvcnQ=".to_owned(),
            secret.replace("whsec_", ""),
        ] {
            assert_eq!(count(bad), None);
        }
        assert_eq!(count(format!("{secret},{secret},{secret}")), None);
    }
}
