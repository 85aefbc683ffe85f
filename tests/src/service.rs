//! All functions' routers over real stores, in this process.

use axum::Router;
use axum::body::Body;
use domain::time::Timestamp;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use local::service::ServiceState;
use serde_json::Value;
use shared::clock::Clock;
use shared::cloud::CloudHandle;
use shared::config::{EnvReader, Environment, Lookup};
use shared::core::Core;
use shared::http::ClientConnection;
use shared::secrets::SecretName;
use shared::sender::cloud::MakeCloudSender;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use verify::VerifyState;

use crate::contract;
use crate::reply::Reply;
use crate::stores::{Stores, connect};

/// The address that requests come from unless a test says otherwise.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// True once all of the service's connections to Postgres are idle or gone.
pub const IDLE: &str =
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'auth' AND state <> 'idle')";

/// A running service. Its clock stands still until [`Service::advance`].
#[derive(Clone)]
pub struct Service {
    pub state: ServiceState,
    /// The variables that it was started with, for another sandbox of it.
    variables: Lookup,
    cloud: CloudHandle,
    pub stores: Stores,
    router: Router,
}

impl Service {
    /// A service with the defaults of a laptop.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A service with these variables changed.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        Self::over(Stores::fresh().await, variables).await
    }

    /// Serves a service whose clock is the system's, for browsers: they have such a clock, too. Its
    /// `PUBLIC_ORIGINS` is the address, which is given too.
    pub async fn listen_in_real_time(variables: &[(&str, &str)]) -> (Self, String) {
        let (listener, url) = bind().await;
        let manual = Self::with(&[variables, &[("PUBLIC_ORIGINS", url.as_str())]].concat()).await;
        let service = Self::read(manual.stores, manual.variables, Clock::System).await;
        serve(listener, service.router.clone());
        (service, url)
    }

    /// A service over given stores: a second one on the same is a second sandbox.
    ///
    /// # Panics
    /// If the variables make no configuration.
    pub async fn over(stores: Stores, variables: &[(&str, &str)]) -> Self {
        Self::over_in_cloud(stores, None, variables).await
    }

    /// The same in a cloud. A secret that is given by id has no default.
    ///
    /// # Panics
    /// If the variables make no configuration.
    pub async fn over_in_cloud(
        stores: Stores,
        cloud: CloudHandle,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut all: HashMap<String, String> = local::service::new_keys().into_iter().collect();
        let defaults = [
            ("STAGE", "local"),
            ("DATABASE_URL", &stores.database_url),
            ("REDIS_URL", &stores.redis_url),
        ];
        all.extend(defaults.iter().chain(variables).map(|(k, v)| ((*k).into(), (*v).into())));
        crate::secrets::begin();
        crate::secrets::remember(&all["PHONE_INDEX_KEY"]);
        for name in ["PEPPER", "DATA_KEYS", "JWT_KEYS"] {
            if let Ok(Value::Object(keys)) = serde_json::from_str(&all[name]) {
                keys.values().filter_map(Value::as_str).for_each(crate::secrets::remember);
            }
        }
        if !variables.iter().any(|(name, _)| *name == "JWT_PUBLIC_KEYS")
            && let Some(public) = local::service::public_keys(&all["JWT_KEYS"])
        {
            all.insert("JWT_PUBLIC_KEYS".to_owned(), public);
        }
        for name in SecretName::ALL {
            if all.contains_key(name.id_variable()) {
                all.remove(name.variable());
            }
        }
        let variables: Lookup = Arc::new(move |name| all.get(name).cloned());
        Self::read_in(cloud, stores, variables, Clock::manual(start_of_time())).await
    }

    async fn read(stores: Stores, variables: Lookup, clock: Clock) -> Self {
        Self::read_in(None, stores, variables, clock).await
    }

    async fn read_in(cloud: CloudHandle, stores: Stores, variables: Lookup, clock: Clock) -> Self {
        let state = ServiceState::read_in(cloud.clone(), variables.clone(), clock).await;
        let state = state.expect("a configuration");
        let router = local::service::router(state.clone());
        Self { state, variables, cloud, stores, router }
    }

    /// The same service in a cloud, with these variables changed.
    pub async fn in_cloud(&self, cloud: CloudHandle, changed: &[(&str, &str)]) -> Self {
        let changed: HashMap<String, String> =
            changed.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let variables = self.variables.clone();
        let lookup: Lookup =
            Arc::new(move |name| changed.get(name).cloned().or_else(|| variables(name)));
        let clock = self.state.core.clock.clone();
        Self::read_in(cloud, self.stores.clone(), lookup, clock).await
    }

    /// The variables that it was started with.
    #[must_use]
    pub fn lookup(&self) -> Lookup {
        self.variables.clone()
    }

    /// Another sandbox of this service: the same stores, the same keys, the same
    /// clock, nothing else in common.
    pub async fn sandbox(&self) -> Self {
        let clock = self.state.core.clock.clone();
        let (stores, variables) = (self.stores.clone(), self.variables.clone());
        Self::read_in(self.cloud.clone(), stores, variables, clock).await
    }

    /// The next deployment of this service: the same stores and clock, and these variables changed.
    /// `JWT_PUBLIC_KEYS` follows `JWT_KEYS`.
    pub async fn with_more(&self, changed: &[(&str, &str)]) -> Self {
        let mut changed: HashMap<String, String> =
            changed.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        if let Some(keys) = changed.get("JWT_KEYS") {
            let public = local::service::public_keys(keys).expect("keys");
            changed.insert("JWT_PUBLIC_KEYS".to_owned(), public);
        }
        let variables = self.variables.clone();
        let lookup: Lookup =
            Arc::new(move |name| changed.get(name).cloned().or_else(|| variables(name)));
        Self::read(self.stores.clone(), lookup, self.state.core.clock.clone()).await
    }

    /// The state of a function over this service's stores and clock, with these variables changed.
    ///
    /// # Panics
    /// If the variables make no configuration.
    pub async fn function<S>(
        &self,
        secrets: &[SecretName],
        changed: &[(&str, &str)],
        read: impl FnOnce(&Core, &mut EnvReader) -> Option<S>,
    ) -> S {
        let service = self.with_more(changed).await;
        let environment = Environment::from_lookup(service.variables.clone(), secrets).await;
        let environment = environment.expect("secrets");
        let mut env = environment.reader();
        let state = read(&service.state.core, &mut env);
        env.finish(state).expect("a configuration")
    }

    /// The same service with variables that may change while it runs.
    pub async fn with_lookup(&self, change: impl FnOnce(Lookup) -> Lookup) -> Self {
        let lookup = change(self.variables.clone());
        Self::read(self.stores.clone(), lookup, self.state.core.clock.clone()).await
    }

    /// The same service with these variables of `verify` changed, and the senders of a cloud.
    ///
    /// # Panics
    /// If the variables make no configuration.
    pub async fn with_cloud_senders(
        mut self,
        changed: &[(&str, &str)],
        make: MakeCloudSender<'_>,
    ) -> Self {
        let changed: HashMap<String, String> =
            changed.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let variables = self.variables.clone();
        let lookup: Lookup =
            Arc::new(move |name| changed.get(name).cloned().or_else(|| variables(name)));
        let environment = Environment::from_lookup(lookup, verify::SECRETS).await;
        let environment = environment.expect("secrets");
        let mut env = environment.reader();
        let verify = VerifyState::read_with(&self.state.core, &mut env, Some(make));
        self.state.verify = env.finish(verify).expect("a configuration");
        let router = local::service::router(self.state.clone());
        self.behind(router)
    }

    /// The same keys and clock over other stores.
    pub async fn over_stores(&self, stores: Stores) -> Self {
        let variables = self.variables.clone();
        let urls = (stores.database_url.clone(), stores.redis_url.clone());
        let lookup: Lookup = Arc::new(move |name| match name {
            "DATABASE_URL" => Some(urls.0.clone()),
            "REDIS_URL" => Some(urls.1.clone()),
            name => variables(name),
        });
        Self::read(stores, lookup, self.state.core.clock.clone()).await
    }

    /// The same parts behind other routes: one function's alone, or a test's own.
    #[must_use]
    pub fn behind(self, router: Router) -> Self {
        Self { router, ..self }
    }

    /// Lets time pass for this service.
    pub fn advance(&self, by: Duration) {
        self.state.core.clock.advance(by);
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.core.clock.now()
    }

    /// Serves it on a port of this machine too, for clients in other processes. Gives where.
    pub async fn listen(&self) -> String {
        listen(self.router.clone()).await
    }

    /// Sends a request as the gateway would, and checks what every answer must hold.
    pub async fn send(&self, request: Request<Body>, address: IpAddr) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let reply = self.send_unchecked(request, address).await;
        contract::check(&method, &path, &reply);
        // What fetches the tokens of a QR log-in.
        for secret in ["scanSecret", "linkSecret"] {
            if let Some(secret) = reply.json()[secret].as_str() {
                crate::secrets::remember(secret);
            }
        }
        if let Some(id) = reply.json()["verificationId"].as_str() {
            crate::secrets::remember(id);
        }
        reply
    }

    /// Sends a request whose answer may break the contract.
    ///
    /// # Panics
    /// If the answer cannot be read.
    pub async fn send_unchecked(&self, mut request: Request<Body>, address: IpAddr) -> Reply {
        request.extensions_mut().insert(ClientConnection { address, arrived: None });
        let response = self.router.clone().oneshot(request).await.expect("routers are infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A look into the database.
    ///
    /// # Panics
    /// If the query fails or gives no whole number.
    pub async fn count(&self, query: &str) -> i64 {
        let client = connect(&self.stores.database_url).await;
        client.query_one(query, &[]).await.expect("a count").get(0)
    }

    /// A connection whose transaction has run this, and goes on.
    ///
    /// # Panics
    /// If the statement fails.
    pub async fn hold(&self, sql: &str) -> tokio_postgres::Client {
        let holder = connect(&self.stores.database_url).await;
        holder.batch_execute(&format!("BEGIN; {sql}")).await.expect("a transaction");
        holder
    }

    /// Waits for a condition in the database that something else brings about.
    ///
    /// # Panics
    /// If it is not true within 10 seconds, or the query fails.
    pub async fn until(&self, query: &str) {
        let client = connect(&self.stores.database_url).await;
        for _ in 0..5_000 {
            if client.query_one(query, &[]).await.expect("a condition").get(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("never true: {query}");
    }

    /// Waits until so many statements of the service, or more, wait for a lock.
    pub async fn until_waiting(&self, statements: i64) {
        let enough = format!(
            "SELECT count(*) >= {statements} FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'auth'
                AND wait_event_type = 'Lock'"
        );
        self.until(&enough).await;
    }

    /// A look into the database: the rows of a query as JSON objects.
    ///
    /// # Panics
    /// If the query fails.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        let client = connect(&self.stores.database_url).await;
        let query = format!("SELECT to_jsonb(r) FROM ({query}) r");
        let rows = client.query(&query, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs statements in the database.
    ///
    /// # Panics
    /// If they fail.
    pub async fn sql(&self, statements: &str) {
        let client = connect(&self.stores.database_url).await;
        client.batch_execute(statements).await.expect("statements run");
    }

    /// A plain connection to this service's Redis database.
    ///
    /// # Panics
    /// If there is none.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.stores.redis_url.as_str()).expect("an address");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }

    /// The messages that were "sent", newest first: `{to, body, code, at}`.
    ///
    /// # Panics
    /// If the inbox cannot be read.
    pub async fn inbox(&self) -> Vec<Value> {
        let lines = self.state.core.cache.inbox().await.expect("an inbox");
        let messages: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).expect("a message")).collect();
        messages.iter().filter_map(|m| m["code"].as_str()).for_each(crate::secrets::remember);
        messages
    }
}

/// Serves routes on a port of this machine, until the test's runtime ends. Gives where.
///
/// # Panics
/// If no port can be had.
pub async fn listen(router: Router) -> String {
    let (listener, url) = bind().await;
    serve(listener, router);
    url
}

async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

fn serve(listener: TcpListener, router: Router) {
    let peer = local::service::set_client_connection;
    tokio::spawn(local::gateway::serve(listener, router, peer, std::future::pending()));
}

/// A request with a JSON body.
///
/// # Panics
/// If the path is no path.
#[must_use]
pub fn json_request(method: Method, path: &str, body: &Value) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

/// Tests begin now, to the second: Redis collects its garbage by its own clock.
fn start_of_time() -> Timestamp {
    Timestamp::from_millis(system_now().seconds() * 1000)
}

/// What the system's clock says, as other processes see it.
#[must_use]
pub fn system_now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "where a test's time begins")]
    Timestamp::from(SystemTime::now())
}
