//! SNS: `Publish` to a number, as a transactional message.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use secrecy::ExposeSecret as _;
use shared::sender::cloud::SnsConfig;
use shared::sender::{CodeSender, Message, Role, Sending};

use super::attempt::call;
use super::lazy::LazyClient;

pub(super) struct Sns {
    client: LazyClient<Client>,
    config: SnsConfig,
}

impl Sns {
    pub(super) fn new(config: SdkConfig, sender: SnsConfig) -> Self {
        Self { client: LazyClient::new(config, Client::new), config: sender }
    }

    /// Names, types and values of what is sent beside the text.
    fn attributes(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let SnsConfig { sender_id, max_price, india } = &self.config;
        [
            ("AWS.SNS.SMS.SMSType", "String", Some("Transactional")),
            ("AWS.SNS.SMS.SenderID", "String", sender_id.as_deref()),
            ("AWS.SNS.SMS.MaxPrice", "Number", max_price.as_deref()),
            ("AWS.MM.SMS.EntityId", "String", india.entity_id.as_deref()),
            ("AWS.MM.SMS.TemplateId", "String", india.template_id.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, data_type, value)| Some((name, data_type, value?)))
    }
}

impl CodeSender for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn send<'a>(&'a self, message: &'a Message, _: Role) -> Sending<'a> {
        Box::pin(async move {
            let client = self.client.get();
            let publish = || {
                let publish = client
                    .publish()
                    .phone_number(message.to.as_e164())
                    .message(message.body.expose_secret());
                let publish = self.attributes().fold(publish, |publish, (name, kind, value)| {
                    let value =
                        MessageAttributeValue::builder().data_type(kind).string_value(value);
                    // Fails only without a type.
                    match value.build() {
                        Ok(value) => publish.message_attributes(name, value),
                        Err(_) => publish,
                    }
                });
                publish.send()
            };
            call(self.name(), |_| None, publish).await.map(|_| None)
        })
    }
}
