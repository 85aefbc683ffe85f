//! docs/scale.md: what was measured, and what follows from it for more accounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use tests::stores::Stores;

use crate::figures::{Sample, Samples, median_of};

/// The operations that are compared, with their titles.
const OPERATIONS: [(&str, &str); 15] = [
    ("otp_request", "OTP request"),
    ("otp_confirm", "OTP confirm"),
    ("register", "register"),
    ("register_ec", "register with 100 EC keys"),
    ("register_keys", "register with 100 + 100 keys"),
    ("login", "login"),
    ("access", "access check"),
    ("refresh", "refresh"),
    ("logout", "logout"),
    ("devices", "list of six devices"),
    ("bundle", "bundle of one device"),
    ("bundles", "bundles of six devices"),
    ("upload_prekeys", "upload of 100 EC keys"),
    ("upload_kyber", "upload of 100 Kyber keys"),
    ("ws_token", "ws-token"),
];

/// What one active account does a day, for the calculation. These and the two shares are the
/// only numbers here that were not measured.
const DAY: [(&str, f64); 5] = [
    ("refresh", 20.0),
    ("access", 200.0),
    ("bundles", 3.0),
    ("upload_prekeys", 0.05),
    ("login", 0.01),
];
/// The share of accounts that are active on a day, and of a day's requests in its busiest hour.
const ACTIVE: f64 = 0.3;
const BUSIEST_HOUR: f64 = 0.1;
/// How busy a processor may be in the busiest hour.
const BUSY: f64 = 0.6;

/// What a table holds.
pub struct Table {
    pub name: String,
    pub rows: f64,
    /// With indexes and values out of line.
    pub bytes: f64,
}

/// What was measured.
pub struct Report<'a> {
    pub accounts: u32,
    pub empty: &'a Samples,
    pub full: &'a Samples,
    pub tables: &'a [Table],
    /// Pages of 100 EC keys, and of 100 Kyber keys.
    pub pages: [f64; 2],
    pub redis: &'a Entries,
}

/// Mean bytes of an entry in Redis, by the first part of its name.
pub type Entries = BTreeMap<String, f64>;

/// `MEMORY USAGE` of what the run left in Redis.
pub async fn redis_entries(stores: &Stores) -> Entries {
    let client = redis::Client::open(stores.redis_url.as_str()).expect("an address");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("the keys");
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for key in keys.iter().take(20_000) {
        let bytes: Option<f64> =
            redis::cmd("MEMORY").arg("USAGE").arg(key).query_async(&mut redis).await.ok();
        // Some keys have expired meanwhile.
        let Some(bytes) = bytes else { continue };
        let name = key.split(':').next().unwrap_or_default().to_owned();
        let (sum, count) = sums.entry(name).or_default();
        *sum += bytes;
        *count += 1.0;
    }
    sums.into_iter().map(|(name, (sum, count))| (name, sum / count)).collect()
}

impl Report<'_> {
    pub fn render(&self) -> String {
        let mut text = String::new();
        let written = self
            .measured(&mut text)
            .and_then(|()| self.sizes(&mut text))
            .and_then(|()| self.calculated(&mut text))
            .and_then(|()| self.limits(&mut text));
        written.expect("a string takes everything");
        text
    }

    fn measured(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "# Scale\n\n\
             `cargo run --release -p tests --bin bench -- --write scale` (tests/bench/scale) writes this \
             page. It fills a database with {0} accounts by SQL and measures each operation there and \
             in an empty database of the same server. Rounds take turns. CPU is that of one request, \
             with eight connections: the median of all rounds. Postgres CPU is that of the connections, \
             without autovacuum and the WAL writer.\n\n\
             ## {0} accounts beside an empty database\n\n\
             | operation | Postgres CPU, µs, empty | filled | ratio | service CPU, µs, empty | filled | ratio |\n\
             |---|--:|--:|--:|--:|--:|--:|",
            self.accounts
        )?;
        for (name, title) in OPERATIONS {
            let of = |samples, figure: fn(&Sample) -> f64| median_of(samples, name, figure);
            let [a, b] = [self.empty, self.full].map(|samples| of(samples, |s| s.connections));
            let [c, d] = [self.empty, self.full].map(|samples| of(samples, |s| s.cpu));
            // A ratio of nearly nothing means nothing.
            let ratio =
                |a: f64, b: f64| if a < 5.0 { String::new() } else { format!("{:.2}", b / a) };
            writeln!(
                text,
                "| {title} | {a:.0} | {b:.0} | {} | {c:.0} | {d:.0} | {} |",
                ratio(a, b),
                ratio(c, d)
            )?;
        }
        Ok(())
    }

    fn sizes(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n## Bytes\n\n\
             With indexes and values out of line.\n\n\
             | table | rows | bytes per row | bytes per account |\n|---|--:|--:|--:|"
        )?;
        let accounts = f64::from(self.accounts);
        let (mut rows, mut bytes) = (0.0, 0.0);
        for table in self.tables.iter().filter(|table| table.rows > 0.0) {
            rows += table.rows;
            bytes += table.bytes;
            writeln!(
                text,
                "| `{}` | {:.0} | {:.0} | {:.0} |",
                table.name,
                table.rows,
                table.bytes / table.rows,
                table.bytes / accounts
            )?;
        }
        writeln!(text, "| all | {rows:.0} | | {:.0} |", bytes / accounts)?;
        let [ec, kyber] = self.pages;
        writeln!(
            text,
            "\nIn this database a third of the accounts has a second device. {:.1} % of the devices have a \
             page of 100 EC keys, {:.1} % one of 100 Kyber keys and a last-resort key.",
            ec / self.devices() * 100.0,
            kyber / self.devices() * 100.0
        )
    }

    fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    fn devices(&self) -> f64 {
        self.table("devices").map_or(1.0, |table| table.rows)
    }

    /// Bytes per account where every device has 100 + 100 keys and a last-resort key, and bytes
    /// of a device's keys.
    fn bytes_with_keys(&self) -> (f64, f64) {
        const KEYS: [&str; 2] = ["prekey_pages", "kyber_last_resort_prekeys"];
        let others = self.tables.iter().filter(|table| !KEYS.contains(&table.name.as_str()));
        let without: f64 = others.map(|table| table.bytes).sum();
        // A key takes 38 bytes in an EC page and 1,638 in a Kyber page, and 16 for its hash. What
        // the table takes beyond that is shared out in proportion.
        let (ec, kyber) = (100.0 * (38.0 + 16.0), 100.0 * (1638.0 + 16.0));
        let content = ec * self.pages[0] + kyber * self.pages[1];
        let overhead = self.table(KEYS[0]).map_or(0.0, |table| table.bytes) / content;
        let last_resort = self.table(KEYS[1]).map_or(0.0, |table| table.bytes / table.rows);
        let per_device = (ec + kyber) * overhead + last_resort;
        let accounts = f64::from(self.accounts);
        ((without + self.devices() * per_device) / accounts, per_device)
    }

    /// Requests of one operation in a second of the busiest hour.
    fn per_second(accounts: f64, name: &str) -> f64 {
        let times = DAY.iter().find(|(of, _)| *of == name).map_or(0.0, |(_, times)| *times);
        accounts * ACTIVE * times * BUSIEST_HOUR / 3600.0
    }

    /// Processors that a store or the functions keep busy in that hour.
    fn processors(&self, accounts: f64, figure: fn(&Sample) -> f64) -> f64 {
        let of = |name| Self::per_second(accounts, name) * median_of(self.full, name, figure) / 1e6;
        DAY.iter().map(|(name, _)| of(name)).sum()
    }

    /// Bytes in Redis for one account, while it is active: a session's entry and a limit's.
    fn redis_bytes(&self, accounts: f64) -> f64 {
        let of = |name: &str| self.redis.get(name).copied().unwrap_or_default();
        let active = Self::per_second(accounts, "access") + Self::per_second(accounts, "refresh");
        active * 60.0 * (of("session") + of("rate_limit"))
    }

    fn calculated(&self, text: &mut String) -> std::fmt::Result {
        let (per_account, keys) = self.bytes_with_keys();
        writeln!(
            text,
            "\nA device with 100 + 100 keys and a last-resort key has {:.0} kB of keys. An account, with its \
             {:.2} devices, then takes {:.0} kB.\n\n\
             ## Calculated\n\n\
             For each active account a day: {}. {:.0} % of the accounts are active on a day, and {:.0} % of a \
             day's requests come in its busiest hour. These are assumptions. All else follows from what \
             was measured above.\n",
            keys / 1e3,
            self.devices() / f64::from(self.accounts),
            per_account / 1e3,
            DAY.map(|(name, times)| format!("{times} × {name}")).join(", "),
            ACTIVE * 100.0,
            BUSIEST_HOUR * 100.0,
        )?;
        writeln!(text, "| | 1 million | 10 million | 100 million |\n|---|--:|--:|--:|")?;
        let mut line = |title: &str, of: &dyn Fn(f64) -> f64| {
            let cells = [1e6, 10e6, 100e6].map(|accounts| significant(of(accounts)));
            writeln!(text, "| {title} | {} |", cells.join(" | "))
        };
        let rows: f64 = self.tables.iter().map(|table| table.rows).sum();
        let rows = rows / f64::from(self.accounts);
        line("rows, millions", &|accounts| accounts * rows / 1e6)?;
        line("Postgres, GB, every device with keys", &|accounts| accounts * per_account / 1e9)?;
        line("requests per second in the busiest hour", &|accounts| {
            DAY.iter().map(|(name, _)| Self::per_second(accounts, name)).sum()
        })?;
        line("statements per second", &statements)?;
        line("calls to Redis per second", &|accounts| {
            // A log-in makes three.
            let all: f64 = DAY.iter().map(|(name, _)| Self::per_second(accounts, name)).sum();
            all + 2.0 * Self::per_second(accounts, "login")
        })?;
        line("processors busy in Postgres", &|n| self.processors(n, |s| s.postgres))?;
        line("processors busy in Redis", &|n| self.processors(n, |s| s.redis))?;
        line("processors busy in the functions", &|n| self.processors(n, |s| s.cpu))?;
        line("connections to Postgres, one for each busy sandbox", &|n| self.sandboxes(n))?;
        line("Redis, MB, session entries and limits of one minute", &|n| self.redis_bytes(n) / 1e6)
    }

    /// Sandboxes that are busy at the same time: requests per second times their duration.
    fn sandboxes(&self, accounts: f64) -> f64 {
        let seconds = |name| {
            let all = self.full.get(name).into_iter().flatten().flat_map(|s| &s.latencies);
            crate::figures::median(all.map(std::time::Duration::as_secs_f64))
        };
        DAY.iter().map(|(name, _)| Self::per_second(accounts, name) * seconds(name)).sum()
    }

    fn limits(&self, text: &mut String) -> std::fmt::Result {
        let (per_account, _) = self.bytes_with_keys();
        let millions = |of_one_million: f64, most: f64| significant(most / of_one_million);
        let postgres = self.processors(1e6, |s| s.postgres);
        let redis = self.processors(1e6, |s| s.redis);
        writeln!(
            text,
            "\n## When a store needs more\n\n\
             Up to so many million accounts the named resource suffices, by the numbers above. A processor \
             is one of the machine that measured, and may be busy for {:.0} % of the busiest hour. \
             Storage counts 100 + 100 keys for every device.\n\n\
             | resource | million accounts | beyond that |\n|---|--:|---|\n\
             | Postgres with 2 processors | {} | a bigger node |\n\
             | Postgres with 64 processors | {} | accounts divided over several databases |\n\
             | 16 TB of storage | {} | more storage, up to 64 TB on RDS |\n\
             | 64 TB of storage | {} | tables partitioned by account over several databases |\n\
             | one connection for each busy sandbox, 500 in all | {} | a bigger node, or a proxy with `DATABASE_STATEMENTS=unnamed` |\n\
             | one Redis node: one processor | {} | a cluster: `REDIS_CLUSTER=true` |\n\
             | one Redis node: 1 GB of memory | {} | a bigger node |\n\n\
             Read replicas take nothing off: each statement that is frequent writes. No statement but those \
             of maintenance touches two accounts, except bundles of several users, the unique number and \
             the unique identity key.",
            BUSY * 100.0,
            millions(postgres, 2.0 * BUSY),
            millions(postgres, 64.0 * BUSY),
            millions(per_account * 1e6, 16e12),
            millions(per_account * 1e6, 64e12),
            millions(self.sandboxes(1e6), 500.0),
            millions(redis, BUSY),
            millions(self.redis_bytes(1e6), 1e9),
        )
    }
}

/// Of these operations, those that the cache does not answer. A log-in sends three.
fn statements(accounts: f64) -> f64 {
    let names = ["refresh", "bundles", "upload_prekeys"];
    let single: f64 = names.iter().map(|name| Report::per_second(accounts, name)).sum();
    single + 3.0 * Report::per_second(accounts, "login")
}

/// With two decimals below ten, else none.
fn significant(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
