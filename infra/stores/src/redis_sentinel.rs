//! A Redis master with a replica and three sentinels, for tests.

use crate::error::StoreError;
use crate::options::Options;
use crate::redis::{Redis, ask};
use crate::redis_cluster::{addresses, wait};

const SENTINELS: usize = 3;

/// Running servers; dropping it stops them.
pub struct RedisSentinel {
    sentinels: Vec<Redis>,
    servers: [Redis; 2],
}

impl RedisSentinel {
    /// The name by which the sentinels know the master.
    pub const NAME: &str = "auth";

    /// Starts all of them; ready when this returns.
    pub fn start() -> Result<Self, StoreError> {
        let master = Redis::start(&Options::ephemeral())?;
        let port = master.port().to_string();
        let replica = ["--replicaof", &format!("127.0.0.1 {port}")];
        let servers = [master, Redis::start(&Options::ephemeral().arguments(replica))?];
        let mut sentinels = Vec::new();
        for _ in 0..SENTINELS {
            sentinels.push(Redis::start_sentinel(&configuration(&port))?);
        }
        let started = Self { sentinels, servers };
        started.wait_until_joined()?;
        Ok(started)
    }

    /// `host:port` of each sentinel, separated by commas.
    #[must_use]
    pub fn addresses(&self) -> String {
        addresses(&self.sentinels)
    }

    /// The servers; the first begins as the master. A test may kill, pause and restart one.
    pub fn servers(&mut self) -> &mut [Redis; 2] {
        &mut self.servers
    }

    /// The port of the server that is the master now, as the sentinels say.
    #[must_use]
    pub fn master(&self) -> Option<u16> {
        let command = format!("SENTINEL GET-MASTER-ADDR-BY-NAME {}", Self::NAME);
        let answer = ask(self.sentinels.first()?.port(), &command).ok()?;
        answer.lines().filter_map(|line| line.trim().parse().ok()).next_back()
    }

    fn wait_until_joined(&self) -> Result<(), StoreError> {
        let command = format!("SENTINEL MASTER {}", Self::NAME);
        wait("the sentinels do not know each other and the replica", || {
            self.sentinels.iter().all(|sentinel| {
                let answer = ask(sentinel.port(), &command).unwrap_or_default();
                let has = |name: &str, value: usize| {
                    answer.contains(&format!("{name}\r\n$1\r\n{value}\r\n"))
                };
                has("num-other-sentinels", SENTINELS - 1) && has("num-slaves", 1)
            })
        })?;
        wait("the replica has not copied the master", || {
            let replication = ask(self.servers[1].port(), "INFO replication").unwrap_or_default();
            replication.contains("master_link_status:up")
        })
    }
}

/// How a sentinel watches the master at this port.
fn configuration(port: &str) -> String {
    let name = RedisSentinel::NAME;
    format!(
        "sentinel monitor {name} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {name} 1000\n\
         sentinel failover-timeout {name} 3000\n\
         sentinel parallel-syncs {name} 1\n"
    )
}
