//! A Redis cluster for tests: three masters, a replica for each.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::options::Options;
use crate::redis::{Redis, ask};

/// How long the nodes may take to find each other.
const JOIN_LIMIT: Duration = Duration::from_secs(30);

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;
/// A node listens for the others at its port + 10,000.
const MAX_PORT: u16 = 55_000;
/// How often nodes are started when one of their ports is taken.
const ATTEMPTS: u32 = 10;
/// A master that is silent this long is replaced.
const NODE_TIMEOUT: &str = "1000";

/// A running cluster; dropping it stops it. The first three nodes begin as masters, the node
/// three places further is the replica of each.
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the nodes and joins them; ready when this returns.
    pub fn start() -> Result<Self, StoreError> {
        let nodes = (0..2 * MASTERS).map(|_| start_node()).collect::<Result<Vec<_>, _>>()?;
        let cluster = Self { nodes };
        cluster.join()?;
        Ok(cluster)
    }

    /// `host:port` of each node, separated by commas.
    #[must_use]
    pub fn addresses(&self) -> String {
        addresses(&self.nodes)
    }

    /// The nodes. A test may kill, pause and restart one.
    pub fn nodes(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    /// The ports of the servers that are masters now.
    #[must_use]
    pub fn masters(&self) -> Vec<u16> {
        let ports = self.nodes.iter().map(Redis::port);
        ports.filter(|port| answer(*port, "ROLE").contains("master")).collect()
    }

    fn join(&self) -> Result<(), StoreError> {
        let ports: Vec<u16> = self.nodes.iter().map(Redis::port).collect();
        for (index, port) in ports.iter().enumerate() {
            answer(*port, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            answer(ports[0], &format!("CLUSTER MEET 127.0.0.1 {port}"));
        }
        for (index, port) in ports.iter().take(MASTERS).enumerate() {
            let (first, last) = (SLOTS * index / MASTERS, SLOTS * (index + 1) / MASTERS);
            let slots: Vec<String> = (first..last).map(|slot| slot.to_string()).collect();
            answer(*port, &format!("CLUSTER ADDSLOTS {}", slots.join(" ")));
        }
        let all_known = format!("cluster_known_nodes:{}\r", ports.len());
        wait("the nodes do not know each other", || {
            ports.iter().all(|port| answer(*port, "CLUSTER INFO").contains(&all_known))
        })?;
        for (master, replica) in ports.iter().zip(&ports[MASTERS..]) {
            let answered = answer(*master, "CLUSTER MYID");
            let id = answered.lines().find(|line| line.trim().len() == 40).unwrap_or_default();
            wait("a replica refuses its master", || {
                answer(*replica, &format!("CLUSTER REPLICATE {}", id.trim())).contains("+OK")
            })?;
        }
        wait("the cluster is not ready", || {
            let (masters, replicas) = ports.split_at(MASTERS);
            let ok = |port: &u16| answer(*port, "CLUSTER INFO").contains("cluster_state:ok");
            let up =
                |port: &u16| answer(*port, "INFO replication").contains("master_link_status:up");
            let known = |port: &u16| {
                answer(*port, "CLUSTER NODES").matches(" slave ").count()
                    + answer(*port, "CLUSTER NODES").matches("myself,slave ").count()
                    == replicas.len()
            };
            masters.iter().chain(replicas).all(|port| ok(port) && known(port))
                && replicas.iter().all(up)
        })
    }
}

pub(crate) fn addresses(nodes: &[Redis]) -> String {
    let nodes: Vec<String> =
        nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    nodes.join(",")
}

/// The answer of a server, or nothing while it does not answer.
fn answer(port: u16, command: &str) -> String {
    ask(port, command).unwrap_or_default()
}

pub(crate) fn wait(
    reason: &'static str,
    mut is_ready: impl FnMut() -> bool,
) -> Result<(), StoreError> {
    let start = Instant::now();
    while !is_ready() {
        if start.elapsed() > JOIN_LIMIT {
            let (product, seconds) = ("Redis", JOIN_LIMIT.as_secs());
            return Err(StoreError::NotReady { product, seconds, reason: reason.to_owned() });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn start_node() -> Result<Redis, StoreError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let port = crate::start::free_port()?;
        if port > MAX_PORT {
            continue;
        }
        let options = Options::ephemeral().port(port).arguments([
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            NODE_TIMEOUT,
            "--cluster-replica-validity-factor",
            "0",
        ]);
        match Redis::start(&options) {
            Ok(node) => return Ok(node),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(StoreError::PortTaken { product: "Redis", port: 0 }))
}
