//! End User Messaging (version 2 of the SMS and voice API): `SendTextMessage`, and
//! `PutMessageFeedback` for a message whose code was right. A message without feedback counts as
//! failed after an hour, so nothing is told of codes that expire.

use aws_config::SdkConfig;
use aws_sdk_pinpointsmsvoicev2::Client;
use aws_sdk_pinpointsmsvoicev2::operation::send_text_message::SendTextMessageError;
use aws_sdk_pinpointsmsvoicev2::types::{
    DestinationCountryParameterKey, MessageFeedbackStatus, MessageType,
};
use secrecy::ExposeSecret as _;
use shared::sender::cloud::EndUserMessagingConfig;
use shared::sender::{CodeSender, Message, Reporting, Role, Sending};

use super::attempt::call;
use super::lazy::LazyClient;

/// A code that arrives after its end is of no use: seconds after which carriers drop it.
const TIME_TO_LIVE: i32 = 600;

pub(super) struct EndUserMessaging {
    client: LazyClient<Client>,
    config: EndUserMessagingConfig,
}

impl EndUserMessaging {
    pub(super) fn new(config: SdkConfig, sender: EndUserMessagingConfig) -> Self {
        Self { client: LazyClient::new(config, Client::new), config: sender }
    }
}

/// Why a message was refused, as the service names it.
fn reason(error: &SendTextMessageError) -> Option<String> {
    let reason = match error {
        SendTextMessageError::AccessDeniedException(error) => error.reason()?.as_str(),
        SendTextMessageError::ConflictException(error) => error.reason()?.as_str(),
        SendTextMessageError::ServiceQuotaExceededException(error) => error.reason()?.as_str(),
        SendTextMessageError::ValidationException(error) => error.reason()?.as_str(),
        _ => return None,
    };
    Some(reason.to_owned())
}

impl CodeSender for EndUserMessaging {
    fn name(&self) -> &'static str {
        "end-user-messaging"
    }

    fn send<'a>(&'a self, message: &'a Message, _: Role) -> Sending<'a> {
        Box::pin(async move {
            let client = self.client.get();
            let config = &self.config;
            // Nobody confirms a notice: it would count as one that did not arrive.
            let has_feedback = message.code.is_some();
            let send = || {
                let send = client
                    .send_text_message()
                    .destination_phone_number(message.to.as_e164())
                    .message_body(message.body.expose_secret())
                    .message_type(MessageType::Transactional)
                    .time_to_live(TIME_TO_LIVE)
                    .message_feedback_enabled(has_feedback)
                    .set_origination_identity(config.origination_identity.clone())
                    .set_configuration_set_name(config.configuration_set.clone())
                    .set_protect_configuration_id(config.protect_configuration_id.clone())
                    .set_max_price(config.max_price.clone());
                let india = [
                    (DestinationCountryParameterKey::InEntityId, &config.india.entity_id),
                    (DestinationCountryParameterKey::InTemplateId, &config.india.template_id),
                ];
                let send = india.into_iter().fold(send, |send, (key, value)| match value {
                    Some(value) => send.destination_country_parameters(key, value),
                    None => send,
                });
                send.send()
            };
            let sent = call(self.name(), reason, send).await?;
            Ok(sent.message_id.filter(|_| has_feedback))
        })
    }

    fn report_received<'a>(&'a self, message_id: &'a str) -> Reporting<'a> {
        Box::pin(async move {
            let client = self.client.get();
            let put = || {
                let put = client.put_message_feedback().message_id(message_id);
                put.message_feedback_status(MessageFeedbackStatus::Received).send()
            };
            call(self.name(), |_| None, put).await.map(drop)
        })
    }
}
