//! The configured senders: `SMS_SENDER` for every number, or `SMS_ROUTES` by country, and
//! `SMS_FALLBACK`, which is tried once when the first fails. Those of a cloud are made by its crate.

use shared::config::{EnvReader, Stage};
use shared::core::Core;
use shared::sender::cloud::{CloudSender, EndUserMessagingConfig, MakeCloudSender, SnsConfig};
use shared::sender::inbox::Inbox;
use shared::sender::{CodeSender, Senders, is_region};
use std::collections::HashMap;
use std::sync::Arc;

use crate::hook::Hook;
use crate::outbound::Outbound;
use crate::twilio::{Twilio, TwilioConfig};
use crate::vonage::{Vonage, VonageConfig};

const SENDER: &str = "SMS_SENDER";
const ROUTES: &str = "SMS_ROUTES";
const FALLBACK: &str = "SMS_FALLBACK";

type Made = Option<Arc<dyn CodeSender>>;

/// Reads the senders. `None` if a required one is missing or unknown, or is of a cloud and there is
/// none.
pub fn read_senders(
    core: &Core,
    env: &mut EnvReader,
    cloud: Option<MakeCloudSender>,
) -> Option<Senders> {
    let mut factory = Factory { core, cloud, made: HashMap::new() };
    let mut by_region = routes(env);
    let mut first = env.optional(SENDER);
    if let Some(all_others) = by_region.remove("*") {
        if first.is_some() {
            env.error(ROUTES, "names a sender for *, and SMS_SENDER is set too");
        }
        first = Some(all_others);
    }
    let first = first.or_else(|| core.config.stage.is_local().then(|| "inbox".to_owned()));
    if first.is_none() {
        env.error(SENDER, "is not set");
    }
    let default = first.and_then(|kind| factory.sender(env, SENDER, &kind));
    let routes: Option<HashMap<_, _>> = by_region
        .into_iter()
        .map(|(region, kind)| Some((region, factory.sender(env, ROUTES, &kind)?)))
        .collect();
    let fallback = env.optional(FALLBACK).and_then(|kind| factory.sender(env, FALLBACK, &kind));
    Some(Senders::new(default?, routes?, fallback))
}

/// `FR=twilio,IN=hook,*=vonage`
fn routes(env: &mut EnvReader) -> HashMap<String, String> {
    let list = env.optional(ROUTES).unwrap_or_default();
    let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let mut routes = HashMap::new();
    for pair in pairs {
        let named = pair.split_once('=').map(|(region, kind)| (region.trim(), kind.trim()));
        let known = named.filter(|(region, _)| *region == "*" || is_region(region));
        let unused = known.filter(|(region, _)| !routes.contains_key(*region));
        match unused {
            Some((region, kind)) => {
                routes.insert(region.to_owned(), kind.to_owned());
            }
            None => env
                .error(ROUTES, "must be pairs as in FR=twilio,IN=hook,*=vonage, each country once"),
        }
    }
    routes
}

/// Makes each sender once, however many routes name it.
struct Factory<'a> {
    core: &'a Core,
    cloud: Option<MakeCloudSender<'a>>,
    made: HashMap<String, Made>,
}

impl Factory<'_> {
    fn sender(&mut self, env: &mut EnvReader, variable: &'static str, kind: &str) -> Made {
        if let Some(made) = self.made.get(kind) {
            return made.clone();
        }
        let made = self.make(env, variable, kind);
        self.made.insert(kind.to_owned(), made.clone());
        made
    }

    fn make(&self, env: &mut EnvReader, variable: &'static str, kind: &str) -> Made {
        let config = &self.core.config;
        let outbound = Outbound::of(config.stage);
        match kind {
            "inbox" => {
                let is_prod = config.stage == Stage::Prod;
                config.stage.require_in_prod(env, !is_prod, variable, "must send in production");
                Some(Arc::new(Inbox::new(self.core.cache.clone())))
            }
            "twilio" => Some(Arc::new(Twilio::new(TwilioConfig::read(env, outbound)?, outbound))),
            "vonage" => Some(Arc::new(Vonage::new(VonageConfig::read(env, outbound)?, outbound))),
            "hook" => Some(Arc::new(Hook::read(env, outbound)?)),
            "sns" => {
                let sender = CloudSender::Sns(SnsConfig::read(env));
                self.of_cloud(env, variable, sender)
            }
            "end-user-messaging" => {
                let sender = CloudSender::EndUserMessaging(EndUserMessagingConfig::read(env));
                self.of_cloud(env, variable, sender)
            }
            _ => {
                env.error(
                    variable,
                    "must be one of end-user-messaging, hook, inbox, sns, twilio, vonage",
                );
                None
            }
        }
    }

    fn of_cloud(&self, env: &mut EnvReader, variable: &'static str, sender: CloudSender) -> Made {
        if self.cloud.is_none() {
            env.error(variable, "names a sender of AWS, and this program is built without AWS");
        }
        self.cloud.map(|make| make(sender))
    }
}
