//! docs/scale.md: what was measured, and what follows from it for more accounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use tests::stores::Stores;

use crate::figures::{Samples, median_of};

/// The operations that are compared, with their titles.
const OPERATIONS: [(&str, &str); 14] = [
    ("otp_request", "OTP request"),
    ("otp_confirm", "OTP confirm"),
    ("register", "register"),
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

/// What one active account does a day, for the calculation. The only numbers here that were not
/// measured.
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

/// What a table holds.
pub struct Table {
    pub name: String,
    pub rows: f64,
    /// With indexes and values out of line.
    pub bytes: f64,
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

pub fn render(
    accounts: u32,
    [empty, full]: [&Samples; 2],
    tables: &[Table],
    redis: &Entries,
) -> String {
    let mut text = String::new();
    let written = measured(&mut text, accounts, [empty, full])
        .and_then(|()| sizes(&mut text, accounts, tables))
        .and_then(|()| calculated(&mut text, accounts, full, tables, redis));
    written.expect("a string takes everything");
    text
}

fn cpu(samples: &Samples, name: &str) -> f64 {
    median_of(samples, name, |sample| sample.cpu)
}

fn postgres(samples: &Samples, name: &str) -> f64 {
    median_of(samples, name, |sample| sample.postgres)
}

fn redis_cpu(samples: &Samples, name: &str) -> f64 {
    median_of(samples, name, |sample| sample.redis)
}

fn measured(text: &mut String, accounts: u32, [empty, full]: [&Samples; 2]) -> std::fmt::Result {
    writeln!(
        text,
        "# Scale\n\n\
         Written by `cargo run --release -p tests --bin bench -- scale --filled {accounts} --write`. \
         CPU is per request, with eight connections, medians.\n\n\
         ## {accounts} accounts beside an empty database\n\n\
         | operation | Postgres CPU, µs, empty | filled | ratio | service CPU, µs, empty | filled | ratio |\n\
         |---|--:|--:|--:|--:|--:|--:|"
    )?;
    for (name, title) in OPERATIONS {
        let (a, b) = (postgres(empty, name), postgres(full, name));
        let (c, d) = (cpu(empty, name), cpu(full, name));
        // A ratio of nearly nothing says nothing.
        let ratio = |a: f64, b: f64| if a < 5.0 { String::new() } else { format!("{:.2}", b / a) };
        writeln!(
            text,
            "| {title} | {a:.0} | {b:.0} | {} | {c:.0} | {d:.0} | {} |",
            ratio(a, b),
            ratio(c, d)
        )?;
    }
    Ok(())
}

fn sizes(text: &mut String, accounts: u32, tables: &[Table]) -> std::fmt::Result {
    writeln!(
        text,
        "\n## Bytes\n\n\
         With indexes and values out of line.\n\n\
         | table | rows | bytes per row | bytes per account |\n|---|--:|--:|--:|"
    )?;
    let (mut rows, mut bytes) = (0.0, 0.0);
    for table in tables.iter().filter(|table| table.rows > 0.0) {
        rows += table.rows;
        bytes += table.bytes;
        writeln!(
            text,
            "| `{}` | {:.0} | {:.0} | {:.0} |",
            table.name,
            table.rows,
            table.bytes / table.rows,
            table.bytes / f64::from(accounts)
        )?;
    }
    writeln!(text, "| all | {rows:.0} | | {:.0} |", bytes / f64::from(accounts))?;
    writeln!(
        text,
        "\nIn this database a third of the accounts has a second device. A tenth of the devices has a \
         page of 100 EC keys, a hundredth one of 100 Kyber keys and a last-resort key."
    )
}

/// Bytes per account where every device has 100 + 100 keys and a last-resort key.
fn bytes_with_keys(accounts: u32, tables: &[Table]) -> (f64, f64) {
    let of = |name: &str| tables.iter().find(|table| table.name == name);
    let devices = of("devices").map_or(0.0, |table| table.rows);
    let without: f64 = tables
        .iter()
        .filter(|table| {
            !["prekey_pages", "kyber_last_resort_prekeys"].contains(&table.name.as_str())
        })
        .map(|table| table.bytes)
        .sum();
    // EC pages are 38 bytes per key, Kyber pages 1,638, and 16 each for the hash: what the table
    // holds is shared out by that.
    let (ec, kyber) = (100.0 * (38.0 + 16.0), 100.0 * (1638.0 + 16.0));
    let pages = of("prekey_pages").map_or(0.0, |table| table.bytes);
    let overhead = pages / (devices * (ec / 10.0 + kyber / 100.0));
    let last_resort = of("kyber_last_resort_prekeys").map_or(0.0, |table| table.bytes / table.rows);
    let per_device = (ec + kyber) * overhead + last_resort;
    let per_account = devices / f64::from(accounts);
    (without / f64::from(accounts) + per_account * per_device, per_device)
}

fn calculated(
    text: &mut String,
    accounts: u32,
    full: &Samples,
    tables: &[Table],
    redis: &Entries,
) -> std::fmt::Result {
    let (per_account, keys) = bytes_with_keys(accounts, tables);
    writeln!(
        text,
        "\nA device with 100 + 100 keys and a last-resort key has {:.0} kB of keys. An account, with its \
         {:.2} devices, then takes {:.0} kB.\n\n\
         ## Calculated\n\n\
         For each active account a day: {}. {:.0} % of the accounts are active on a day, and {:.0} % of a \
         day's requests come in its busiest hour. These are assumptions; all else follows from what \
         was measured.\n",
        keys / 1e3,
        tables.iter().find(|t| t.name == "devices").map_or(0.0, |t| t.rows) / f64::from(accounts),
        per_account / 1e3,
        DAY.map(|(name, times)| format!("{times} × {name}")).join(", "),
        ACTIVE * 100.0,
        BUSIEST_HOUR * 100.0,
    )?;
    writeln!(text, "| | 1 million | 10 million | 100 million |\n|---|--:|--:|--:|")?;
    let each = [1e6, 10e6, 100e6];
    let rows: f64 = tables.iter().map(|table| table.rows).sum::<f64>() / f64::from(accounts);
    let mut line = |title: &str, unit: f64, of: &dyn Fn(f64) -> f64| {
        let cells = each.map(|accounts| format!("{:.1}", of(accounts) / unit));
        writeln!(text, "| {title} | {} |", cells.join(" | "))
    };
    let per_second = |accounts: f64, name: &str| {
        let times = DAY.iter().find(|(of, _)| *of == name).map_or(0.0, |(_, times)| *times);
        accounts * ACTIVE * times * BUSIEST_HOUR / 3600.0
    };
    line("rows, millions", 1e6, &|accounts| accounts * rows)?;
    line("Postgres, GB, every device with keys", 1e9, &|accounts| accounts * per_account)?;
    line("requests per second in the busiest hour", 1.0, &|accounts| {
        DAY.iter().map(|(name, _)| per_second(accounts, name)).sum()
    })?;
    line("statements per second", 1.0, &|accounts| {
        let names = ["refresh", "bundles", "upload_prekeys"];
        let single: f64 = names.iter().map(|name| per_second(accounts, name)).sum();
        single + 3.0 * per_second(accounts, "login")
    })?;
    let busy = |cost: fn(&Samples, &str) -> f64| {
        move |accounts: f64| {
            DAY.iter().map(|(name, _)| per_second(accounts, name) * cost(full, name)).sum::<f64>()
        }
    };
    line("processors busy in Postgres", 1e6, &busy(postgres))?;
    line("processors busy in Redis", 1e6, &busy(redis_cpu))?;
    line("processors busy in the functions", 1e6, &busy(cpu))?;
    let session = redis.get("session").copied().unwrap_or_default();
    let limit = redis.get("rate_limit").copied().unwrap_or_default();
    // An entry lives for a minute: who was active in it. And one bucket per account.
    line("Redis, MB, sessions and limits of the busiest minute", 1e6, &|accounts| {
        (per_second(accounts, "access") + per_second(accounts, "refresh"))
            * 60.0
            * (session + limit)
    })?;
    writeln!(
        text,
        "\nAn entry of a session takes {session:.0} bytes in Redis, one of a limit {limit:.0}. A processor \
         here is one of the machine that measured; Redis has one for commands, so a cluster is needed \
         from where its line reaches about 0.6. Connections: each sandbox of a function has one to \
         Postgres, so reserved concurrency bounds them. Tables can be partitioned by the account's id \
         where one no longer fits a node; no statement but maintenance touches two accounts, except \
         bundles of several users, and the unique number and identity key."
    )
}
