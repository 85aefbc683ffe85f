//! Redis, which holds everything that expires. One concrete [`Cache`] with named operations;
//! each operation that decides something is one Lua script.
//!
//! | key | holds | expires after | file |
//! |---|---|---|---|
//! | `session:{user}:{sid}` | `alive`, an entry that caches the row, or `ended`, a tombstone | 60 s, 20 min | `session` |
//! | `verification:{slot}:{id}` | a running verification | 15 min; confirmed: 5 min | `verification` |
//! | `verification_repeats:{slot}:{client}` | the verifications that a client requested for a number | 15 min | `verification` |
//! | `dpop:{jkt}:{jti}` | the call that showed a proof of possession | 65 s | `dpop` |
//! | `qr_challenge:{id}`, `qr_link:{id}` | a QR log-in that one of the two devices shows | 5 min, 2 min; 1 min after delivery | `qr` |
//! | `two_factor:{user}`, `two_factor:{user}:{sid}` | wrong codes of a second factor, and its lock | 30 days | `second_factor` |
//! | `rate_limit:{name}:{id}` | the time at which the bucket is full again | 60 s after that time | `rate_limits` |
//! | `rate_limit:code_history:{slot}`, `…code_history_end:{slot}` | wrong codes and verifications of the numbers of a slot, and when each is forgotten | 366 days | `verification` |
//! | `rate_limit:sms_country:{country}`, `rate_limit:sms_global:{sms}`, `…sms_trusted_pending:…` | SMS by the minute: the budgets | their period | `sms_budgets` |
//! | `rate_limit:breaker:{country}`, `…breaker_sends:…`, `…breaker_pauses:…` | SMS and confirmations by the minute; the newest SMS; what is paused | 3 h | `sms_breaker` |
//! | `rate_limit:breaker_trusted:{country}`, `rate_limit:sms_confirmed:…` | networks that confirmed codes; confirmations by the hour | 30 days; 8 days | `sms_breaker` |
//! | `hourly_events:{hourly_events}:{hour}` | what is entered in the trail by the hour, by user and kind | 3 days | `hourly` |
//! | `metrics` | the counters of all processes | 7 days | `metrics` |
//! | `relay:{relay}:queued`, `relay:{relay}:invoked` | the outbox may hold events; a relay was invoked | 3 days, 2 s | `relay` |
//! | `relay:{relay}:looked` | a relay has looked at the outbox | 1 day | `relay` |
//! | `stream:user.registered` | registrations, for services that read Redis | 30 days | `relay` |
//! | `inbox` | codes "sent" on a laptop | 1 day | `inbox` |
//!
//! What stands in braces is the hash tag: keys with the same one are on the same node of a
//! cluster.
//!
//! | file | what it is |
//! |---|---|
//! | `endpoint` | where Redis is: a node, sentinels, a cluster, a name; how a connection is opened |
//! | `address`, `sentinel` | one server; servers that sentinels name |
//! | `discovery` | where a cache of ElastiCache is, by its name |
//! | `credentials` | passwords for the nodes of a cluster |
//! | `connect_error` | why no connection was opened |
//! | `connection` | the connection that is kept, and when it is replaced |
//! | `round_trip` | [`Cache`]: round trips, with their deadline and their one repeat |
//! | `script`, `outcome` | how scripts are called, and what they answer |
//! | `eviction` | whether Redis may evict keys |
//!
//! Files below this one import each other by path, not through the names re-exported here.

mod account;
mod address;
mod connect_error;
mod connection;
mod credentials;
mod discovery;
mod dpop;
mod endpoint;
mod error;
mod eviction;
pub mod hourly;
mod inbox;
mod metrics;
mod outcome;
pub mod qr;
mod rate_limits;
pub mod relay;
mod round_trip;
mod script;
pub mod second_factor;
mod sentinel;
pub mod session;
mod sms_breaker;
mod sms_budgets;
pub mod verification;

pub use error::{CacheError, RedisFailure};
pub use round_trip::Cache;
