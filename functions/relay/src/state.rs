//! The state of `relay`: the core, and where events go.

use shared::cloud::Cloud;
use shared::config::EnvReader;
use shared::config::stores::resume_limit;
use shared::core::Core;
use shared::relay::cloud::RelayCloud;
use shared::relay::roots::RootStore;
use shared::relay::security_log::{SecurityLog, SecurityLogSink};
use shared::relay::services::{
    EventFunction, NoticeFunction, NoticesToDevices, RegistrationStream,
};
use shared::relay::sinks::{EventLog, EventSink, SecurityEventTable, Tombstones};
use shared::relay::{Relay, Sinks};
use shared::secrets::SecretName;
use std::sync::Arc;
use std::time::Duration;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = Core::SECRETS;

/// In a cloud alone.
const NEEDS_CLOUD: &str = "needs a function that is built for AWS";

#[derive(Clone)]
pub struct RelayState {
    pub core: Core,
    pub relay: Relay,
    pub sinks: Sinks,
    pub log: Option<Arc<dyn SecurityLog>>,
    pub roots: Option<Arc<dyn RootStore>>,
    /// How long one invocation goes on: with what waits, and with tries of what has failed.
    pub time_limit: Duration,
    /// How long a run on schedule waits for a database that pauses.
    pub resume_limit: Duration,
}

impl RelayState {
    /// Without a cloud: the log and the roots have no place.
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        Self::read_in(None, core, env)
    }

    pub fn read_in(
        cloud: Option<&dyn RelayCloud>,
        core: &Core,
        env: &mut EnvReader,
    ) -> Option<Self> {
        let log = security_log(cloud, core, env);
        let roots = roots(cloud, env);
        let services = services(core, env);
        let table = SecurityEventTable(core.clone());
        let security_events: Arc<dyn EventSink> = match &log {
            Some(log) => Arc::new(SecurityLogSink { core: core.clone(), table, log: log.clone() }),
            None => Arc::new(table),
        };
        let sinks = Sinks {
            security_events,
            sessions: Arc::new(Tombstones(core.clone())),
            notices: notices(env, services.clone()),
            services,
        };
        let seconds = env.number("RELAY_SECONDS", 15, 0, 600);
        let time_limit = Duration::from_secs(seconds);
        let resume_limit = resume_limit(env);
        let relay = Relay::new(core.clone(), sinks.clone());
        Some(Self { core: core.clone(), relay, sinks, log, roots, time_limit, resume_limit })
    }
}

fn security_log(
    cloud: Option<&dyn RelayCloud>,
    core: &Core,
    env: &mut EnvReader,
) -> Option<Arc<dyn SecurityLog>> {
    let table = env.optional("SECURITY_LOG_TABLE");
    // 0: for ever.
    let days = env.number("SECURITY_LOG_DAYS", 0, 0, 36_500);
    let table = table?;
    if cloud.is_none() {
        env.error("SECURITY_LOG_TABLE", NEEDS_CLOUD);
    }
    Some(cloud?.security_log(table, (days > 0).then_some(days), core.clock.clone()))
}

fn roots(cloud: Option<&dyn RelayCloud>, env: &mut EnvReader) -> Option<Arc<dyn RootStore>> {
    let (bucket, key) = (env.optional("AUDIT_ROOT_BUCKET"), env.optional("AUDIT_ROOT_KMS_KEY"));
    if bucket.is_some() != key.is_some() {
        env.error("AUDIT_ROOT_BUCKET", "needs AUDIT_ROOT_KMS_KEY, and the other way round");
    }
    let (bucket, key) = bucket.zip(key)?;
    if cloud.is_none() {
        env.error("AUDIT_ROOT_BUCKET", NEEDS_CLOUD);
    }
    Some(cloud?.roots(bucket, key))
}

/// A function that a variable names.
fn function(env: &mut EnvReader, variable: &'static str) -> Option<(String, Arc<dyn Cloud>)> {
    let name = env.optional(variable)?;
    let cloud = env.cloud();
    if cloud.is_none() {
        env.error(variable, NEEDS_CLOUD);
    }
    Some((name, cloud?))
}

fn services(core: &Core, env: &mut EnvReader) -> Arc<dyn EventSink> {
    let services: Arc<dyn EventSink> = match function(env, "USER_SERVICE_FUNCTION") {
        Some((name, cloud)) => Arc::new(EventFunction { cloud, name }),
        None => Arc::new(EventLog),
    };
    if !env.flag("EVENTS_REDIS_STREAM", false) {
        return services;
    }
    Arc::new(RegistrationStream { core: core.clone(), before: services })
}

fn notices(env: &mut EnvReader, to_devices: Arc<dyn EventSink>) -> Arc<dyn EventSink> {
    match function(env, "VERIFY_FUNCTION") {
        Some((name, cloud)) => Arc::new(NoticeFunction { cloud, name, to_devices }),
        None => Arc::new(NoticesToDevices(to_devices)),
    }
}
