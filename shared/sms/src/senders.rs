//! The configured senders: `SMS_SENDER`, and `SMS_FALLBACK`, which is tried once when the
//! first fails.

use shared::config::{EnvReader, Stage};
use shared::core::Core;
use shared::sender::inbox::Inbox;
use shared::sender::{CodeSender, Senders};

use crate::twilio::{Twilio, TwilioConfig};
use crate::vonage::{Vonage, VonageConfig};

const SENDER: &str = "SMS_SENDER";
const FALLBACK: &str = "SMS_FALLBACK";

/// Reads the senders. `None` if a required one is missing or unknown.
pub fn read_senders(core: &Core, env: &mut EnvReader) -> Option<Senders> {
    let is_local = core.config.stage.is_local();
    let first = env.optional(SENDER).or_else(|| is_local.then(|| "inbox".to_owned()));
    if first.is_none() {
        env.error(SENDER, "is not set");
    }
    let first = first.and_then(|kind| sender(core, env, SENDER, &kind));
    let fallback = env.optional(FALLBACK).and_then(|kind| sender(core, env, FALLBACK, &kind));
    Some(Senders::new(first?, fallback))
}

fn sender(
    core: &Core,
    env: &mut EnvReader,
    variable: &'static str,
    kind: &str,
) -> Option<Box<dyn CodeSender>> {
    match kind {
        "inbox" => {
            let is_prod = core.config.stage == Stage::Prod;
            core.config.stage.require_in_prod(env, !is_prod, variable, "must send in production");
            Some(Box::new(Inbox::new(core.cache.clone())))
        }
        "twilio" => Some(Box::new(Twilio::new(TwilioConfig::read(env)))),
        "vonage" => Some(Box::new(Vonage::new(VonageConfig::read(env)))),
        _ => {
            env.error(variable, "must be one of inbox, twilio, vonage");
            None
        }
    }
}
