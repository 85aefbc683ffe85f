//! Redis: each new connection asks for the login, and for the address where a cache is given
//! by its name.

use super::{CloudDouble, changing, down};
use shared::cache::Cache;
use shared::clock::Clock;
use shared::cloud::{CacheEndpoint, CacheName, Cloud as _, CloudErrorKind};
use shared::config::redis::{Login, NamedCache, Password};
use shared::config::{Environment, Lookup, RedisConfig};
use shared::telemetry::ErrorChain;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stores::{LocalAws, Options, Redis, RedisCluster};
use tests::Service;
use tests::stores::own_redis;

const GROUP: &str = "ELASTICACHE_REPLICATION_GROUP_ID";

fn at(port: u16) -> CacheEndpoint {
    CacheEndpoint { host: "127.0.0.1".to_owned(), port, is_cluster: false, has_tls: false }
}

/// Sends commands over a connection of the test's own, one to a line.
async fn run(port: u16, commands: &[&str]) {
    let client = ::redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for command in commands {
        let mut words = command.split(' ');
        let mut cmd = ::redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            cmd.arg(word);
        });
        let _: ::redis::Value = cmd.query_async(&mut connection).await.expect(command);
    }
}

struct Named {
    cloud: Arc<CloudDouble>,
    clock: Clock,
    cache: Arc<Cache>,
}

impl Named {
    fn new(cloud: &Arc<CloudDouble>, requires_tls: bool, uses_iam: bool) -> Self {
        let name = CacheName::ReplicationGroup("auth-cache".to_owned());
        let mut login = Login::default();
        if uses_iam {
            login.username = Some("auth-user".to_owned());
            login.password = Password::Iam { cloud: cloud.clone(), cache: name.clone() };
        }
        let named =
            NamedCache { cloud: cloud.clone(), name, variable: GROUP, requires_tls, first: None };
        let (config, clock) = (RedisConfig::ElastiCache { named, login }, manual());
        let cache = Cache::new(&config, clock.clone(), Arc::default()).expect("a cache");
        Self { cloud: cloud.clone(), clock, cache: Arc::new(cache) }
    }

    fn questions(&self) -> usize {
        self.cloud.questions.load(Ordering::SeqCst)
    }

    fn passwords(&self) -> usize {
        self.cloud.passwords.load(Ordering::SeqCst)
    }

    async fn failure(&self) -> String {
        let error = self.cache.ping().await.expect_err("a failure");
        format!("{} {error:?}", ErrorChain(&error))
    }
}

fn manual() -> Clock {
    Clock::manual(domain::time::Timestamp::from_millis(1_800_000_000_000))
}

async fn redis() -> Redis {
    own_redis(Options::ephemeral()).await.0
}

#[tokio::test]
async fn a_cache_is_found_by_its_name_and_found_again_where_it_has_moved() {
    let (mut first, second) = (redis().await, redis().await);
    let cloud = CloudDouble::new();
    let named = Named::new(&cloud, false, false);
    cloud.set_endpoint(Ok(at(first.port())));
    for _ in 0..5 {
        named.cache.ping().await.expect("an answer");
    }
    assert_eq!(named.questions(), 1, "the answer is kept");
    // While the control plane is down, the last endpoint counts.
    cloud.set_endpoint(Err(down("ElastiCache", "DescribeReplicationGroups")));
    run(first.port(), &["CLIENT KILL TYPE normal"]).await;
    named.clock.advance(Duration::from_secs(20));
    for _ in 0..5 {
        named.cache.ping().await.expect("an answer");
    }
    let asked = named.questions();
    cloud.set_endpoint(Ok(at(second.port())));
    first.kill();
    named.clock.advance(Duration::from_secs(20));
    let mut is_found = false;
    for _ in 0..50 {
        is_found = named.cache.ping().await.is_ok();
        if is_found {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_found, "the new endpoint is not used");
    assert_eq!(named.questions(), asked + 1, "the control plane is asked once");
    let series = named.cache.metrics().await.expect("counters");
    let reconnects = r#"auth_store_reconnects_total{store="redis"}"#;
    assert!(series.iter().any(|(name, by)| name == reconnects && *by > 0), "{series:?}");
}

#[tokio::test]
async fn a_first_question_that_fails_names_elasticache_and_is_asked_again() {
    let redis = redis().await;
    let cloud = CloudDouble::new();
    let named = Named::new(&cloud, false, false);
    let text = named.failure().await;
    assert!(text.contains("ElastiCache DescribeReplicationGroups"), "{text}");
    let _ = named.failure().await;
    assert_eq!(named.questions(), 1, "a failure counts for a while");
    cloud.set_endpoint(Ok(at(redis.port())));
    named.clock.advance(Duration::from_secs(3));
    named.cache.ping().await.expect("an answer");
}

/// The roles of the others may not describe a cache.
#[tokio::test]
async fn a_start_looks_for_the_cache_only_where_the_address_of_redis_is_read() {
    let cloud = CloudDouble::new();
    cloud.set_endpoint(Ok(at(6379)));
    let lookup: Lookup = Arc::new(|name| (name == GROUP).then(|| "auth-cache".to_owned()));
    for (secrets, questions) in [(::tokens::SECRETS, 1), (::migrate::SECRETS, 0), (&[], 0)] {
        let loaded = Environment::load_in(Some(cloud.clone()), lookup.clone(), secrets).await;
        assert!(loaded.is_ok());
        assert_eq!(cloud.questions.swap(0, Ordering::SeqCst), questions, "{secrets:?}");
    }
}

#[tokio::test]
async fn many_first_requests_ask_once() {
    let redis = redis().await;
    let cloud = CloudDouble::new();
    cloud.set_endpoint(Ok(at(redis.port())));
    let named = Named::new(&cloud, false, false);
    let mut pings = Vec::new();
    for _ in 0..100 {
        let cache = named.cache.clone();
        pings.push(tokio::spawn(async move { cache.ping().await.expect("an answer") }));
    }
    for ping in pings {
        ping.await.expect("an answer");
    }
    assert_eq!(named.questions(), 1);
}

#[tokio::test]
async fn production_refuses_a_cache_without_tls_by_the_name_of_its_variable() {
    let redis = redis().await;
    let cloud = CloudDouble::new();
    cloud.set_endpoint(Ok(at(redis.port())));
    let named = Named::new(&cloud, true, false);
    let text = named.failure().await;
    assert!(text.contains(GROUP) && text.contains("without TLS"), "{text}");
}

#[tokio::test]
async fn with_iam_a_connection_logs_in_anew_before_12_hours() {
    let redis = redis().await;
    let set =
        |password: &str| format!("ACL SETUSER auth-user on resetpass >{password} ~* &* +@all");
    run(redis.port(), &[&set("first")]).await;
    let cloud = CloudDouble::new();
    cloud.set_endpoint(Ok(at(redis.port())));
    cloud.set_password("first");
    let named = Named::new(&cloud, false, true);
    for _ in 0..149 {
        named.cache.ping().await.expect("an answer");
        named.clock.advance(Duration::from_mins(4));
    }
    assert_eq!(named.passwords(), 1, "one connection, one password");
    for _ in 0..10 {
        named.clock.advance(Duration::from_mins(4));
        named.cache.ping().await.expect("an answer");
    }
    assert_eq!(named.passwords(), 2, "replaced once, after 10 hours and before 12");

    run(redis.port(), &[&set("second"), "CLIENT KILL USER auth-user"]).await;
    cloud.set_password("second");
    named.cache.ping().await.expect("an answer");
    assert_eq!(named.passwords(), 3);

    run(redis.port(), &["CLIENT KILL USER auth-user"]).await;
    cloud.set_password("hunter2");
    let text = named.failure().await;
    assert!(!text.contains("hunter2") && text.contains("AuthenticationFailed"), "{text}");
    *cloud.password.lock().unwrap() = Err(down("ElastiCache", "sign"));
    let text = named.failure().await;
    assert!(text.contains("ElastiCache sign"), "{text}");
}

#[tokio::test]
async fn with_iam_each_node_of_a_cluster_has_a_password_of_its_own() {
    let start = || RedisCluster::start().expect("a cluster starts");
    let mut cluster = tokio::task::spawn_blocking(start).await.expect("a cluster starts");
    let ports: Vec<u16> = cluster.nodes().iter().map(Redis::port).collect();
    let set = async |password: &str| {
        let user = format!("ACL SETUSER auth-user on resetpass >{password} ~* &* +@all");
        for port in &ports {
            run(*port, &[&user, "CLIENT KILL USER auth-user"]).await;
        }
    };
    set("first").await;
    let cloud = CloudDouble::new();
    cloud.set_endpoint(Ok(CacheEndpoint { is_cluster: true, ..at(ports[0]) }));
    cloud.set_password("first");
    let named = Named::new(&cloud, false, true);
    let gauges = [("auth_a", 1), ("auth_b", 2)];
    for password in ["second", "third"] {
        named.cache.ping().await.expect("an answer");
        named.cache.set_gauges(&gauges).await.expect("an answer");
        cloud.set_password(password);
        set(password).await;
    }
    named.cache.ping().await.expect("an answer");
    named.cache.set_gauges(&gauges).await.expect("an answer");
}

/// As a store with two passwords is rotated: the new one is added, told, and the old one removed.
#[tokio::test]
async fn a_password_in_a_secret_changes_under_load_and_no_call_fails() {
    let options = Options::ephemeral().arguments(["--requirepass", "first"]);
    let (redis, stores) = own_redis(options).await;
    let port = redis.port();
    let url = |password: &str| format!("redis://default:{password}@127.0.0.1:{port}/0");
    let secret = Arc::new(Mutex::new(url("first")));
    let service = Service::over(stores, &[]).await;
    let service = service.with_lookup(|before| changing(before, "REDIS_URL", &secret)).await;
    let mut loads = Vec::new();
    for _ in 0..4 {
        let core = service.state.core.clone();
        loads.push(tokio::spawn(async move {
            for _ in 0..200 {
                core.cache.ping().await.expect("an answer");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
    }
    let admin = ::redis::Client::open(url("first")).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    for (old, new) in [("first", "second"), ("second", "third")] {
        let mut add = ::redis::cmd("ACL");
        add.arg("SETUSER").arg("default").arg(format!(">{new}"));
        let () = add.query_async(&mut admin).await.unwrap();
        *secret.lock().unwrap() = url(new);
        let mut remove = ::redis::cmd("ACL");
        remove.arg("SETUSER").arg("default").arg(format!("<{old}"));
        let () = remove.query_async(&mut admin).await.unwrap();
        let mut kill = ::redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("normal");
        let killed: i64 = kill.query_async(&mut admin).await.unwrap();
        assert!(killed > 0, "no connection was open");
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    for load in loads {
        load.await.expect("no call fails");
    }
}

#[tokio::test]
async fn a_service_in_aws_finds_its_cache_by_name() {
    let redis = redis().await;
    let port = redis.port().to_string();
    let start = move || {
        LocalAws::start_with(&[("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &port)])
            .expect("it starts")
    };
    let aws = tokio::task::spawn_blocking(start).await.expect("it starts");
    let config = tests::local_aws::config(&aws.url());
    let client = aws_sdk_elasticache::Client::new(&config);
    let group = client
        .create_replication_group()
        .replication_group_id("auth-cache")
        .replication_group_description("the cache of the tests")
        .engine("valkey");
    group.send().await.expect("a replication group");
    let serverless = client.create_serverless_cache().serverless_cache_name("auth-serverless");
    serverless.engine("valkey").send().await.expect("a serverless cache");
    let cloud = Arc::new(::aws::Aws::new(config));
    let of = |name: &str| CacheName::ReplicationGroup(name.to_owned());
    let endpoint = cloud.cache_endpoint(&of("auth-cache")).await.expect("an endpoint");
    assert_eq!(endpoint, at(redis.port()));
    let name = CacheName::Serverless("auth-serverless".to_owned());
    let endpoint = cloud.cache_endpoint(&name).await.expect("an endpoint");
    let expected = CacheEndpoint { is_cluster: true, has_tls: true, ..at(redis.port()) };
    assert_eq!(endpoint, expected, "serverless is a cluster with TLS");
    let unknown = of("none");
    let error = cloud.cache_endpoint(&unknown).await.expect_err("no such cache");
    assert_eq!(error.kind, CloudErrorKind::Refused, "{error}");
    assert!(error.to_string().starts_with("ElastiCache DescribeReplicationGroups"), "{error}");

    let variables = [("REDIS_URL", ""), (GROUP, "auth-cache")];
    let service = Service::start().await.in_cloud(Some(cloud), &variables).await;
    let session = service.client().sign_up("+33612345678").await;
    let _ = service.client().ws_token(&session.access).await.expect(200);
    drop(aws);
    // The control plane is down: the connection is opened anew where the cache was.
    run(redis.port(), &["CLIENT KILL TYPE normal"]).await;
    let _ = service.client().ws_token(&session.access).await.expect(200);
}
