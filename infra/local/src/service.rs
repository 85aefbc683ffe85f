//! The service that is served: all functions' routers as one, their OpenAPI
//! document, and what their configuration needs on a laptop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::IpAddr;
use std::time::Duration;

use account::AccountState;
use authorizer::AuthorizerState;
use axum::Router;
use axum::extract::Request;
use devices::DevicesState;
use internal::InternalState;
use login::LoginState;
use maintenance::MaintenanceState;
use migrate::MigrateState;
use platform::PlatformState;
use prekeys::PrekeysState;
use relay::RelayState;
use secrecy::{ExposeSecret as _, SecretString};
use shared::clock::Clock;
use shared::cloud::CloudHandle;
use shared::config::{EnvReader, Environment, Lookup, MaintenanceConfig};
use shared::core::{Core, StartError};
use shared::crypto::DataKeys;
use shared::crypto::data_keys::{new_data_keys, rotate_data_keys};
use shared::crypto::pepper::{new_pepper, rotate_pepper};
use shared::crypto::phone_index::new_phone_index_key;
use shared::http::ClientConnection;
use shared::relay::hourly::{self, enter_hourly_events};
use shared::relay::{Relay, Sinks};
use shared::secrets::SecretName;
use shared::sender::CodeSender;
use shared::sender::inbox::Inbox;
use shared::telemetry::ErrorChain;
use shared::tokens::{SigningKeys, new_jwt_keys, rotate_jwt_keys};
use std::sync::Arc;
use tokens::TokensState;
use two_factor::TwoFactorState;
use utoipa::openapi::OpenApi;
use verify::VerifyState;

use crate::dev_internal;
use crate::instance::Variables;

/// One function of functions/.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its folder, its crate, its binary and its tag.
    pub name: &'static str,
    /// The secrets that it declares.
    pub secrets: &'static [SecretName],
    /// The OpenAPI document of its own operations.
    pub document: fn() -> OpenApi,
    routes: fn(ServiceState) -> Router,
}

/// Every function, and the only list of them.
pub const FUNCTIONS: [Function; 8] = [
    Function {
        name: "verify",
        secrets: verify::SECRETS,
        document: verify::document,
        routes: |state| verify::router().with_state(state.verify),
    },
    Function {
        name: "login",
        secrets: login::SECRETS,
        document: login::document,
        routes: |state| login::router().with_state(state.login),
    },
    Function {
        name: "tokens",
        secrets: tokens::SECRETS,
        document: tokens::document,
        routes: |state| tokens::router().with_state(state.tokens),
    },
    Function {
        name: "devices",
        secrets: devices::SECRETS,
        document: devices::document,
        routes: |state| devices::router().with_state(state.devices),
    },
    Function {
        name: "two-factor",
        secrets: two_factor::SECRETS,
        document: two_factor::document,
        routes: |state| two_factor::router().with_state(state.two_factor),
    },
    Function {
        name: "account",
        secrets: account::SECRETS,
        document: account::document,
        routes: |state| account::router().with_state(state.account),
    },
    Function {
        name: "prekeys",
        secrets: prekeys::SECRETS,
        document: prekeys::document,
        routes: |state| prekeys::router().with_state(state.prekeys),
    },
    Function {
        name: "platform",
        secrets: platform::SECRETS,
        document: platform::document,
        routes: |state| platform::router().with_state(state.platform),
    },
];

/// One function of functions/ whose events are of its own.
#[derive(Clone, Copy)]
pub struct EventFunction {
    /// Its folder, its crate and its binary.
    pub name: &'static str,
    /// The secrets that it declares.
    pub secrets: &'static [SecretName],
}

/// Every function without routes, and the only list of them.
pub const EVENT_FUNCTIONS: &[EventFunction] = &[
    EventFunction { name: "authorizer", secrets: authorizer::SECRETS },
    EventFunction { name: "internal", secrets: internal::SECRETS },
    EventFunction { name: "maintenance", secrets: maintenance::SECRETS },
    EventFunction { name: "migrate", secrets: migrate::SECRETS },
    EventFunction { name: "relay", secrets: relay::SECRETS },
    // It reads no variable of the service: Secrets Manager says in each event what to rotate.
    EventFunction { name: "rotate-keys", secrets: &[] },
];

/// The state of every function, over one core.
#[derive(Clone)]
pub struct ServiceState {
    pub core: Core,
    pub verify: VerifyState,
    pub login: LoginState,
    pub tokens: TokensState,
    pub devices: DevicesState,
    pub two_factor: TwoFactorState,
    pub account: AccountState,
    pub prekeys: PrekeysState,
    pub platform: PlatformState,
    pub maintenance: MaintenanceConfig,
    pub relay: RelayState,
}

/// The secrets that the functions read, each once.
#[must_use]
pub fn secrets() -> Vec<SecretName> {
    let mut all = FUNCTIONS.map(|function| function.secrets).concat();
    all.sort_unstable();
    all.dedup();
    all
}

impl ServiceState {
    /// Reads what every function needs. All errors are reported together.
    pub async fn read(lookup: Lookup, clock: Clock) -> Result<Self, StartError> {
        Self::read_in(None, lookup, clock).await
    }

    /// The same in a cloud.
    pub async fn read_in(
        cloud: CloudHandle,
        lookup: Lookup,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let environment = Environment::load_in(cloud, lookup, &secrets()).await?;
        let mut env = environment.reader();
        let state = Self::read_all(&mut env, clock);
        Ok(env.finish(state)?)
    }

    fn read_all(env: &mut EnvReader, clock: Clock) -> Option<Self> {
        let core = Core::read(env, clock)?;
        let verify = VerifyState::read(&core, env);
        let login = LoginState::read(&core, env);
        let tokens = TokensState::read(&core, env);
        let devices = DevicesState::read(&core, env);
        let two_factor = TwoFactorState::read(&core, env);
        let account = AccountState::read(&core, env);
        let prekeys = PrekeysState::read(&core, env);
        let platform = PlatformState::read(&core, env);
        let maintenance = MaintenanceConfig::read(env);
        let relay = RelayState::read(&core, env);
        Some(Self {
            verify: verify?,
            login: login?,
            tokens: tokens?,
            devices: devices?,
            two_factor: two_factor?,
            account: account?,
            prekeys: prekeys?,
            platform: platform?,
            maintenance,
            relay: relay?,
            core,
        })
    }
}

/// The routes of each function, as its `main.rs` serves them.
pub fn functions(state: &ServiceState) -> [(&'static str, Router); 8] {
    FUNCTIONS.map(|function| (function.name, (function.routes)(state.clone())))
}

/// All that answers on the local port, as the gateway joins it.
pub fn router(state: ServiceState) -> Router {
    let functions = functions(&state).into_iter().map(|(_, routes)| routes);
    let all = functions.fold(Router::new(), Router::merge);
    // These pages answer 404 in any stage but `local`.
    let all = if state.core.config.stage.is_local() {
        all.merge(dev_internal::router(internal_state(&state)))
    } else {
        all
    };
    let all = all.merge(platform::dev_router().with_state(state.platform));
    shared::http::serve(all, state.core)
}

/// The state of `internal`, which serves no routes, over the same parts.
#[must_use]
pub fn internal_state(state: &ServiceState) -> InternalState {
    InternalState {
        core: state.core.clone(),
        verifier: state.account.verifier.clone(),
        pepper: state.account.second_factor.pepper.clone(),
        identities: state.account.identities.clone(),
    }
}

/// The variables that each function's code reads, found by reading a configuration in which
/// everything is set.
pub async fn variables_read() -> Result<BTreeMap<&'static str, BTreeSet<String>>, StartError> {
    let sets = [
        ("verify", variables_read_by(verify::SECRETS, read_verify).await?),
        ("login", variables_read_by(login::SECRETS, LoginState::read).await?),
        ("tokens", variables_read_by(tokens::SECRETS, TokensState::read).await?),
        ("devices", variables_read_by(devices::SECRETS, DevicesState::read).await?),
        ("two-factor", variables_read_by(two_factor::SECRETS, TwoFactorState::read).await?),
        ("account", variables_read_by(account::SECRETS, AccountState::read).await?),
        ("prekeys", variables_read_by(prekeys::SECRETS, PrekeysState::read).await?),
        ("platform", variables_read_by(platform::SECRETS, PlatformState::read).await?),
        ("relay", variables_read_by(relay::SECRETS, RelayState::read).await?),
        ("authorizer", variables_read_by(authorizer::SECRETS, AuthorizerState::read).await?),
        ("internal", variables_read_by(internal::SECRETS, InternalState::read).await?),
        ("maintenance", variables_read_by(maintenance::SECRETS, MaintenanceState::read).await?),
        ("migrate", variables_read_in(migrate::SECRETS, MigrateState::read).await?),
        ("rotate-keys", BTreeSet::new()),
    ];
    Ok(sets.into())
}

/// As in AWS, whose senders have variables, too.
fn read_verify(core: &Core, env: &mut EnvReader) -> Option<VerifyState> {
    let inbox = |_| -> Arc<dyn CodeSender> { Arc::new(Inbox::new(core.cache.clone())) };
    VerifyState::read_with(core, env, Some(&inbox))
}

async fn variables_read_by<S>(
    secrets: &[SecretName],
    read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
) -> Result<BTreeSet<String>, StartError> {
    let read = |env: &mut EnvReader| {
        let core = Core::read(env, Clock::System)?;
        read(&core, env)
    };
    variables_read_in(secrets, read).await
}

/// The same for a function without the core.
async fn variables_read_in<S>(
    secrets: &[SecretName],
    read: impl FnOnce(&mut EnvReader) -> Option<S>,
) -> Result<BTreeSet<String>, StartError> {
    let keys = new_keys();
    // All senders and the captcha, so that their variables are read too. The database's
    // address in parts, and whole.
    let lookup = Arc::new(move |name: &str| match name {
        "SMS_SENDER" => Some("twilio".to_owned()),
        "SMS_FALLBACK" => Some("vonage".to_owned()),
        "SMS_ROUTES" => Some("FR=hook,GB=sns,IN=end-user-messaging".to_owned()),
        "SMS_HOOK_URL" => Some("https://hook.example".to_owned()),
        "SMS_HOOK_SECRET" => Some("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
        "SMS_CHALLENGE_URL" => Some("https://captcha.example".to_owned()),
        "REDIS_URL" => Some("rediss://cache:6379".to_owned()),
        "DB_HOST" => Some("db".to_owned()),
        "METRICS_TOKEN" => Some("x".repeat(32)),
        "DB_NAME" | "DB_USERNAME" | "DB_PASSWORD" | "TWILIO_ACCOUNT_SID" | "TWILIO_AUTH_TOKEN"
        | "TWILIO_FROM" | "VONAGE_API_KEY" | "VONAGE_API_SECRET" | "VONAGE_FROM" => {
            Some("x".to_owned())
        }
        name => keys.get(name).cloned(),
    });
    let environment = Environment::from_lookup(lookup, secrets).await?;
    let mut env = environment.reader();
    let state = read(&mut env);
    let names = env.names().clone();
    env.finish(state)?;
    Ok(names)
}

/// Runs the scheduled maintenance, until it is dropped.
pub async fn run_maintenance(core: Core, config: MaintenanceConfig, keys: DataKeys) {
    const EVERY: Duration = Duration::from_mins(1);
    loop {
        shared::maintenance::run(&core, config, &keys, core.clock.now()).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Runs the relay, until it is dropped. Once a minute it also enters what was counted by the hour.
pub async fn run_relay(relay: RelayState, verify: VerifyState) {
    const EVERY: Duration = Duration::from_secs(1);
    const RUNS_A_MINUTE: u32 = 60;
    let core = verify.core.clone();
    let notices = Arc::new(verify::PhoneNotices(verify));
    let relay = Relay::new(core.clone(), Sinks { notices, ..relay.sinks });
    for run in (0..RUNS_A_MINUTE).cycle() {
        if let Err(error) = relay.run().await {
            tracing::warn!(error = %ErrorChain(&error), "failed to relay events");
        }
        if run == 0 {
            let now = core.clock.now();
            if let Err(error) = enter_hourly_events(&core, now, hourly::TIME_LIMIT).await {
                tracing::warn!(error = %ErrorChain(&error), "failed to enter hourly events");
            }
            if let Err(error) = relay.measure(now).await {
                tracing::warn!(error = %ErrorChain(&error), "failed to measure the outbox");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The document that describes every function.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut documents = FUNCTIONS.into_iter().map(|function| (function.document)());
    let mut all = documents.next().unwrap_or_default();
    documents.for_each(|document| all.merge(document));
    platform::openapi(all)
}

/// The same, as it stands in infra/openapi.json.
///
/// # Panics
/// Never: the document is made of texts, lists and maps.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = serde_json::to_string_pretty(&openapi()).expect("a document of plain values");
    text.push('\n');
    text
}

/// What the environment says, else what is given here.
#[must_use]
pub fn lookup(defaults: &Variables) -> Lookup {
    let defaults = defaults.clone();
    Arc::new(move |name| variable(name).or_else(|| defaults.get(name).cloned()))
}

/// A variable of our own environment; an empty one counts as absent.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// New secrets, by the names of their variables.
///
/// # Panics
/// Never: keys that were just made can be parsed.
#[must_use]
pub fn new_keys() -> Variables {
    let keys = new_jwt_keys();
    let mut variables = with_public_keys(keys.expose_secret()).expect("keys that were just made");
    variables.insert("PEPPER".to_owned(), new_pepper().expose_secret().to_owned());
    variables.insert("DATA_KEYS".to_owned(), new_data_keys().expose_secret().to_owned());
    variables.insert("PHONE_INDEX_KEY".to_owned(), new_phone_index_key());
    variables
}

/// The next step of the rotation of this `PEPPER`, by the name of the variable.
pub fn rotated_pepper(pepper: &str) -> Result<Variables, &'static str> {
    let rotated = rotate_pepper(&SecretString::from(pepper))?;
    Ok([("PEPPER".to_owned(), rotated.expose_secret().to_owned())].into())
}

/// The next step of the rotation of these `DATA_KEYS`, by the name of the variable.
pub fn rotated_data_keys(keys: &str) -> Result<Variables, &'static str> {
    let rotated = rotate_data_keys(&SecretString::from(keys))?;
    Ok([("DATA_KEYS".to_owned(), rotated.expose_secret().to_owned())].into())
}

/// The next step of the rotation of these `JWT_KEYS`, by the names of the variables.
pub fn rotated_keys(jwt_keys: &str, clock: &Clock) -> Result<Variables, &'static str> {
    let keys = rotate_jwt_keys(&SecretString::from(jwt_keys), None, clock.now())?;
    with_public_keys(keys.expose_secret()).ok_or("cannot be parsed")
}

fn with_public_keys(jwt_keys: &str) -> Option<Variables> {
    let all = [("JWT_KEYS", jwt_keys.to_owned()), ("JWT_PUBLIC_KEYS", public_keys(jwt_keys)?)];
    Some(all.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The public half of `JWT_KEYS`, as `JWT_PUBLIC_KEYS` holds it; `None` if the keys are
/// malformed.
#[must_use]
pub fn public_keys(jwt_keys: &str) -> Option<String> {
    let keys = SigningKeys::parse(&SecretString::from(jwt_keys)).ok()?;
    Some(keys.public().stored().to_owned())
}

/// Puts the caller's address where the layers look for it.
pub fn set_client_connection(request: &mut Request, address: IpAddr) {
    request.extensions_mut().insert(ClientConnection { address, arrived: None });
}

/// Sends the service's logs to this file.
pub fn log_to(file: File) {
    shared::telemetry::init(std::sync::Mutex::new(file));
}
