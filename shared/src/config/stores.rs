//! How Postgres is used, and how long connections to a store may be idle.

use std::time::Duration;

use super::database::DatabaseAddress;
use super::env::EnvReader;
use super::stage::Stage;

/// A connection to a store that was idle for longer is replaced before it is used: NAT gateways
/// and load balancers of AWS forget connections after 350 s.
pub const MAX_IDLE: Duration = Duration::from_mins(5);

/// How long work on a schedule waits for a database that pauses while nobody uses it.
pub fn resume_limit(env: &mut EnvReader) -> Duration {
    Duration::from_secs(env.number("DATABASE_RESUME_SECONDS", 30, 0, 120))
}

#[derive(Clone, Debug)]
pub struct PostgresConfig {
    pub address: DatabaseAddress,
    /// Further certificate authorities: PEM, or `rds` for those of RDS.
    pub ca: Option<String>,
    /// Connections that are kept: one in a Lambda sandbox, which serves one request at a time.
    pub pool: usize,
    /// Whether statements are prepared by name and server limits are set per connection: not
    /// behind a proxy that pins such sessions.
    pub prepares: bool,
}

impl PostgresConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let is_lambda = env.optional("AWS_LAMBDA_FUNCTION_NAME").is_some();
        Self {
            address: DatabaseAddress::read(env, stage),
            ca: env.optional("DATABASE_CA"),
            pool: env.number("DATABASE_POOL", if is_lambda { 1 } else { 8 }, 1, 100),
            prepares: match env.text("DATABASE_STATEMENTS", "named").as_str() {
                "named" => true,
                "unnamed" => false,
                _ => {
                    env.error("DATABASE_STATEMENTS", "must be named or unnamed");
                    true
                }
            },
        }
    }
}
