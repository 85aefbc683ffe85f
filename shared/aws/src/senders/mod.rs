//! SMS by AWS: the senders that [`shared::sender::cloud`] configures. Only `verify` links them.
//!
//! | file | what it is |
//! |---|---|
//! | `sns` | `Publish` of SNS |
//! | `end_user_messaging` | `SendTextMessage` and `PutMessageFeedback` of End User Messaging |
//! | `attempt` | calls that never send a message twice |
//! | `lazy` | a client that is made with the first message |

mod attempt;
mod end_user_messaging;
mod lazy;
mod sns;

use aws_config::SdkConfig;
use shared::sender::CodeSender;
use shared::sender::cloud::CloudSender;
use std::sync::Arc;

/// Makes a sender in the region and with the credentials of this configuration.
#[must_use]
pub fn make(config: &SdkConfig, sender: CloudSender) -> Arc<dyn CodeSender> {
    let config = config.clone();
    match sender {
        CloudSender::Sns(sender) => Arc::new(sns::Sns::new(config, sender)),
        CloudSender::EndUserMessaging(sender) => {
            Arc::new(end_user_messaging::EndUserMessaging::new(config, sender))
        }
    }
}
