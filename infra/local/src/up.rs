//! `cargo local up`: starts stores, keys, migrations and the gateway; runs until a stop signal.

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use shared::clock::Clock;
use stores::{Options, Postgres, Redis, StoreError, print_progress, temporary_folder};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;
use crate::gateway;
use crate::instance::{self, Instance, State, StoreState, Variables};
use crate::service::{self, ServiceState};

/// The variables that name a database. If one is set, no Postgres is started.
const DATABASE_VARIABLES: [&str; 2] = ["DATABASE_URL", "DB_HOST"];
/// With one of these, Redis is the developer's own.
const REDIS_VARIABLES: [&str; 3] = ["REDIS_URL", "REDIS_SENTINEL_NODES", "REDIS_CLUSTER_NODES"];

/// URLs that stand for stores that are not started yet, while the configuration is checked.
const PLACEHOLDER_URLS: [(&str, &str); 2] =
    [("DATABASE_URL", "postgres://127.0.0.1/auth"), ("REDIS_URL", "redis://127.0.0.1/0")];

/// Runs the instance until Ctrl-C or SIGTERM.
pub async fn up(port: u16, ephemeral: bool) -> Result<(), Error> {
    let instance = Instance::at(port);
    let lock = instance.lock()?;
    let mut stop = Box::pin(stop_signal()?);
    // Bound before anything slow, so that a taken port is reported at once.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| {
        match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken(port),
            _ => Error::Listen { port, source },
        }
    })?;

    let started = tokio::select! {
        started = start(&instance, ephemeral) => started?,
        () = &mut stop => {
            print_progress("stopped before it was ready");
            // An installation cannot be interrupted from here. The guards stop the stores.
            std::process::exit(130);
        }
    };
    let Started { service, folder, stores, state } = started;
    let is_local = service.core.config.stage.is_local();
    let maintenance = tokio::spawn(service::run_maintenance(
        service.core.clone(),
        service.maintenance,
        service.login.second_factor.data_keys.clone(),
    ));
    let relay = tokio::spawn(service::run_relay(service.verify.clone()));
    let router = service::router(service);
    instance.write_state(&state)?;
    print_urls(&state, is_local);

    gateway::serve(listener, router, service::set_client_connection, stop).await;

    print_progress("stopping");
    maintenance.abort();
    relay.abort();
    instance.remove_state()?;
    tokio::task::spawn_blocking(move || drop(stores)).await?;
    drop(folder);
    drop(lock);
    Ok(())
}

/// Everything that is started before the gateway.
struct Started {
    service: ServiceState,
    folder: Folder,
    stores: Stores,
    state: State,
}

/// The servers that were started; `None` if the environment names one instead.
struct Stores {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

/// Where an instance keeps its keys and its log.
enum Folder {
    Kept(PathBuf),
    /// The folder of Redis, which its guard removes even if this process is killed.
    OfRedis(PathBuf),
    Temporary(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::OfRedis(path) | Self::Temporary(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            // If this fails, the system removes it: it is in its temporary folder.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

async fn start(instance: &Instance, ephemeral: bool) -> Result<Started, Error> {
    let mut defaults: Variables =
        [("STAGE", "local"), ("SMS_SENDER", "inbox"), ("METRICS_ENABLED", "true")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let origins = format!("http://localhost:{0},http://127.0.0.1:{0}", instance.port);
    defaults.insert("PUBLIC_ORIGINS".to_owned(), origins);
    defaults.extend(keys(instance, ephemeral)?);
    // The public keys follow from the private keys, also if the environment names those.
    let jwt_keys = service::variable("JWT_KEYS").or_else(|| defaults.get("JWT_KEYS").cloned());
    if let Some(public) = jwt_keys.and_then(|keys| service::public_keys(&keys)) {
        defaults.insert("JWT_PUBLIC_KEYS".to_owned(), public);
    }
    let own_postgres = DATABASE_VARIABLES.iter().all(|name| service::variable(name).is_none());
    let own_redis = REDIS_VARIABLES.iter().all(|name| service::variable(name).is_none());

    // Errors of the configuration are reported before an installation that takes minutes.
    let mut with_placeholders = defaults.clone();
    for (name, value) in PLACEHOLDER_URLS {
        if name != "DATABASE_URL" || own_postgres {
            with_placeholders.insert(name.to_owned(), value.to_owned());
        }
    }
    ServiceState::read(service::lookup(&with_placeholders), Clock::System).await?;

    let kept_in = (!ephemeral).then(|| instance.folder().to_owned());
    let stores = tokio::task::spawn_blocking(move || {
        start_stores(kept_in.as_deref(), own_postgres, own_redis)
    })
    .await??;
    if let Some(postgres) = &stores.postgres {
        let url = postgres.url("auth");
        migrations::create_database(&url).await?;
        defaults.insert("DATABASE_URL".to_owned(), url);
    }
    if let Some(redis) = &stores.redis {
        defaults.insert("REDIS_URL".to_owned(), redis.url(0));
    }
    let service = ServiceState::read(service::lookup(&defaults), Clock::System).await?;
    let (postgres, redis) = (&service.core.config.postgres, &service.core.config.redis);
    let (database_url, redis_url) = (postgres.address.url(), redis.url());
    let database_url = database_url.expose_secret();
    let redis_url = redis_url.as_ref().map_or("", |url| url.expose_secret());
    for migration in migrations::run(database_url).await? {
        print_progress(&format!("applied {migration}"));
    }

    let folder = match (&stores.redis, ephemeral) {
        (_, false) => Folder::Kept(instance.folder().to_owned()),
        (Some(redis), true) => Folder::OfRedis(redis.folder().to_owned()),
        (None, true) => Folder::Temporary(temporary_folder("instance")?),
    };
    let log = folder.path().join("service.log");
    service::log_to(
        File::create(&log).map_err(|source| Error::File { file: log.clone(), source })?,
    );
    let mut environment: Variables = defaults
        .into_iter()
        .map(|(name, value)| (name.clone(), service::variable(&name).unwrap_or(value)))
        .collect();
    let urls = [("DATABASE_URL", database_url), ("REDIS_URL", redis_url)];
    for (name, value) in urls.into_iter().filter(|(_, url)| !url.is_empty()) {
        environment.insert(name.to_owned(), value.to_owned());
    }
    instance::write_environment(folder.path(), &environment)?;

    let state = State {
        url: format!("http://127.0.0.1:{}", instance.port),
        port: instance.port,
        pid: std::process::id(),
        started: now(),
        ephemeral,
        folder: folder.path().to_owned(),
        log,
        database_url: database_url.to_owned(),
        redis_url: redis_url.to_owned(),
        psql: stores.postgres.as_ref().and_then(|postgres| postgres.program("psql")),
        postgres: stores.postgres.as_ref().map(|server| StoreState {
            port: server.port(),
            pid: server.pid(),
            guard: server.guard_pid(),
            folder: server.folder().to_owned(),
        }),
        redis: stores.redis.as_ref().map(|server| StoreState {
            port: server.port(),
            pid: server.pid(),
            guard: server.guard_pid(),
            folder: server.folder().to_owned(),
        }),
    };
    Ok(Started { service, folder, stores, state })
}

/// The instance's keys, created at its first start.
fn keys(instance: &Instance, ephemeral: bool) -> Result<Variables, Error> {
    if ephemeral {
        return Ok(service::new_keys());
    }
    let kept = instance::read_keys(instance.folder())?.unwrap_or_default();
    let mut keys = service::new_keys();
    // A kept instance may be older than a secret.
    let is_complete = keys.keys().all(|name| kept.contains_key(name));
    keys.extend(kept);
    if !is_complete {
        instance::write_keys(instance.folder(), &keys)?;
    }
    Ok(keys)
}

/// Starts the stores that the environment does not name. Without `kept_in` they keep no data.
fn start_stores(
    kept_in: Option<&Path>,
    own_postgres: bool,
    own_redis: bool,
) -> Result<Stores, StoreError> {
    let options = |name: &str| match kept_in {
        Some(folder) => Options::kept(folder.join(name)),
        None => Options::ephemeral(),
    };
    let postgres = own_postgres.then(|| Postgres::start(&options("postgres"))).transpose()?;
    let redis = own_redis.then(|| Redis::start(&options("redis"))).transpose()?;
    Ok(Stores { postgres, redis })
}

/// Completes at a stop signal: Ctrl-C, `cargo local down`, a closed terminal.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| signal(kind).map_err(Error::Signals);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn print_urls(state: &State, is_local: bool) {
    let url = &state.url;
    let page = format!("  try it: http://localhost:{}/dev", state.port);
    let text = format!(
        "ready {url}{}\n  {url}/auth/swagger  the documentation, to try requests\n  \
         {url}/auth/v1/health/ready  the state of the stores\n  {url}/metrics  the metrics\n",
        if is_local { page.as_str() } else { "" },
    );
    // A closed stdout does not matter to the service.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    print_progress(&format!("logs are in {}", state.log.display()));
}

fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "for people; no rule depends on it")]
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}
