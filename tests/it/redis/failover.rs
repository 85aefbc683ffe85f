//! Redis as servers that replace one another: by sentinels, and as a cluster. The scenarios
//! share one of each; a test that kills a master has its own.

use super::scenarios;
use crate::verify::{address, ask, phone};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use stores::{RedisCluster, RedisSentinel};
use tests::stores::Stores;
use tests::{Service, Session};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();
static SENTINEL: OnceCell<RedisSentinel> = OnceCell::const_new();
/// The scenarios empty the servers that they share.
static TURN: Mutex<()> = Mutex::const_new(());

async fn start_cluster() -> RedisCluster {
    let start = || RedisCluster::start().expect("a cluster starts");
    tokio::task::spawn_blocking(start).await.expect("a cluster starts")
}

async fn start_sentinel() -> RedisSentinel {
    let start = || RedisSentinel::start().expect("sentinels start");
    tokio::task::spawn_blocking(start).await.expect("sentinels start")
}

async fn over_cluster(cluster: &RedisCluster, variables: &[(&str, &str)]) -> Service {
    let nodes = cluster.addresses();
    let redis = [
        ("REDIS_URL", ""),
        ("REDIS_CLUSTER", "true"),
        ("REDIS_CLUSTER_NODES", &nodes),
        ("REDIS_TLS", "false"),
    ];
    Service::over(Stores::fresh().await, &[&redis[..], variables].concat()).await
}

async fn over_sentinel(sentinel: &RedisSentinel, variables: &[(&str, &str)]) -> Service {
    let nodes = sentinel.addresses();
    let redis = [
        ("REDIS_URL", ""),
        ("REDIS_SENTINEL_NODES", &*nodes),
        ("REDIS_SENTINEL_NAME", RedisSentinel::NAME),
        ("REDIS_TLS", "false"),
    ];
    Service::over(Stores::fresh().await, &[&redis[..], variables].concat()).await
}

async fn empty(port: u16) {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
}

async fn clustered(variables: &[(&str, &str)]) -> (MutexGuard<'static, ()>, Service) {
    let turn = TURN.lock().await;
    let cluster = CLUSTER.get_or_init(start_cluster).await;
    for master in cluster.masters() {
        empty(master).await;
    }
    (turn, over_cluster(cluster, variables).await)
}

async fn sentinelled(variables: &[(&str, &str)]) -> (MutexGuard<'static, ()>, Service) {
    let turn = TURN.lock().await;
    let sentinel = SENTINEL.get_or_init(start_sentinel).await;
    empty(sentinel.master().expect("a master")).await;
    (turn, over_sentinel(sentinel, variables).await)
}

macro_rules! over_both {
    ($($name:ident $variables:expr;)+) => {
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (_turn, service) = super::clustered($variables).await;
                super::scenarios::$name(&service).await;
            })+
        }
        mod sentinel {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (_turn, service) = super::sentinelled($variables).await;
                super::scenarios::$name(&service).await;
            })+
        }
    };
}

over_both! {
    journey &[];
    races &[];
    limits &super::scenarios::BUDGETS;
    shipped_client &super::scenarios::LEGACY;
    breaker &[];
    drain &[];
    tiers &[];
    devices &[];
}

/// The same over the single node that all other tests have.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_node_behaves_the_same() {
    scenarios::journey(&Service::start().await).await;
    scenarios::races(&Service::start().await).await;
    scenarios::limits(&Service::with(&scenarios::BUDGETS).await).await;
    scenarios::shipped_client(&Service::with(&scenarios::LEGACY).await).await;
    scenarios::breaker(&Service::start().await).await;
    scenarios::drain(&Service::start().await).await;
    scenarios::tiers(&Service::start().await).await;
    scenarios::devices(&Service::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_costs_the_round_trips_of_the_budget() {
    let (_turn, service) = clustered(&[]).await;
    let client = service.client();
    let session = client.sign_up("+33612345678").await;
    service.advance(Duration::from_secs(61));
    let (id, code) = client.start("register", "+33698765432").await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
    let trips = || service.state.core.cache.round_trips();
    let before = trips();
    // The same number, whose node knows the scripts by now.
    let reply = ask(&client, "register", "+33698765432").await.expect(200);
    // The address; country and all at the same time; the number; the inbox, which stands for
    // the provider.
    assert_eq!(trips() - before, 5);
    let code = client.last_code("+33698765432").await;
    let before = trips();
    let id = crate::verify::id_of(&reply);
    let _ = client.confirm("register", &id, &code).await.expect(200);
    assert_eq!(trips() - before, 3);
    let _ = client.ws_token(&session.access).await.expect(200);
    let before = trips();
    let _ = client.ws_token(&session.access).await.expect(200);
    assert_eq!(trips() - before, 1);
}

/// Traffic while a master is killed.
struct Load {
    stop: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    /// Every access check must succeed: without Redis, the row decides.
    fn start(service: &Service, sessions: &[Session]) -> Self {
        let (stop, checks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tokens: Vec<String> = sessions.iter().map(|session| session.access.clone()).collect();
        let (client, stopped, counted) = (service.client(), stop.clone(), checks.clone());
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                for token in &tokens {
                    let _ = client.ws_token(token).await.expect(200);
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { stop, checks, task }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("every access check succeeded");
        assert!(self.checks.load(Ordering::Relaxed) > 20);
    }
}

/// Codes for many numbers, in all slots, until none is refused. Gives how long it took.
async fn until_served(service: &Service) -> Duration {
    let start = Instant::now();
    let mut served = 0;
    while served < 30 {
        let number = phone(served);
        let client = service.client_at(address(served));
        let reply = ask(&client, "register", &number).await;
        if reply.status == 200 {
            served += 1;
        } else {
            assert_eq!((reply.status.as_u16(), &*reply.code()), (503, "unavailable"));
            assert!(start.elapsed() < Duration::from_secs(20), "not served again");
            served = 0;
            service.advance(Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    start.elapsed()
}

/// Sessions that live, and one that has ended.
async fn sessions(service: &Service) -> (Vec<Session>, Session) {
    let mut alive = Vec::new();
    for n in 5000..5006 {
        alive.push(service.client_at(address(n)).sign_up(&phone(n)).await);
    }
    let ended = service.client().sign_up(&phone(6000)).await;
    let bearer = service.client().bearer(&ended.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    // Replicas have it too.
    tokio::time::sleep(Duration::from_millis(100)).await;
    (alive, ended)
}

async fn nobody_was_signed_out(service: &Service, alive: &[Session], ended: &Session) {
    for session in alive {
        let _ = service.client().ws_token(&session.access).await.expect(200);
        let _ = service.client().refresh(&session.refresh).await.expect(200);
    }
    service.client().ws_token(&ended.access).await.refused(401, "session_ended");
}

/// Waits until the killed master is replaced.
async fn replaced(mut masters: impl FnMut() -> bool) {
    let start = Instant::now();
    while !masters() {
        assert!(start.elapsed() < Duration::from_secs(20), "no new master");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The limits of requests stand in no test's way here.
const MANY: [(&str, &str); 1] = [("RATE_LIMIT_BEARER_ACCOUNT", "1000000/60")];

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_of_a_cluster_is_replaced_and_nobody_is_signed_out() {
    let mut cluster = start_cluster().await;
    let service = over_cluster(&cluster, &MANY).await;
    let (alive, ended) = sessions(&service).await;
    let load = Load::start(&service, &alive);
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.nodes()[0].kill();
    let killed = Instant::now();
    replaced(|| cluster.masters().len() == 3).await;
    let failover = killed.elapsed();
    let served = until_served(&service).await;
    println!("cluster: new master after {failover:?}, all slots served {served:?} later");
    assert!(served < Duration::from_secs(10), "{served:?}");
    load.stop().await;
    nobody_was_signed_out(&service, &alive, &ended).await;
    // It comes back as a replica, and the next one may go.
    cluster.nodes()[0].restart().expect("the node starts again");
    cluster.nodes()[1].pause();
    until_served(&service).await;
    nobody_was_signed_out(&service, &alive, &ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_master_of_sentinels_is_replaced_and_nobody_is_signed_out() {
    let mut sentinel = start_sentinel().await;
    let service = over_sentinel(&sentinel, &MANY).await;
    let (alive, ended) = sessions(&service).await;
    let load = Load::start(&service, &alive);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let old = sentinel.servers()[0].port();
    sentinel.servers()[0].kill();
    let killed = Instant::now();
    replaced(|| sentinel.master() != Some(old)).await;
    let failover = killed.elapsed();
    let served = until_served(&service).await;
    println!("sentinel: new master after {failover:?}, served {served:?} later");
    assert!(served < Duration::from_secs(10), "{served:?}");
    load.stop().await;
    nobody_was_signed_out(&service, &alive, &ended).await;
}

/// A master that hangs keeps its connections open.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hangs_is_replaced_too() {
    let mut sentinel = start_sentinel().await;
    let service = over_sentinel(&sentinel, &MANY).await;
    let (alive, ended) = sessions(&service).await;
    let load = Load::start(&service, &alive);
    let old = sentinel.servers()[0].port();
    sentinel.servers()[0].pause();
    replaced(|| sentinel.master() != Some(old)).await;
    until_served(&service).await;
    // It wakes up, believes for a moment that it is the master, and becomes a replica.
    sentinel.servers()[0].resume();
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.advance(Duration::from_mins(2));
    until_served(&service).await;
    load.stop().await;
    nobody_was_signed_out(&service, &alive, &ended).await;
}
