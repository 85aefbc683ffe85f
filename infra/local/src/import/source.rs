//! The database of the first auth-service. Rows are read as JSON objects, so that a column that it does
//! not have is `null`.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::error::Error;

/// Accounts that are read at once, with all that hangs on them.
const BATCH: i64 = 200;

/// The tables whose rows belong to a user.
const TABLES: [&str; 6] =
    ["devices", "identity_keys", "signed_prekeys", "prekeys", "backup_codes", "login_history"];

/// The rows of an account.
#[derive(Debug)]
pub struct AccountRows {
    pub id: Uuid,
    pub account: Value,
    rows: HashMap<&'static str, Vec<Value>>,
}

impl AccountRows {
    /// Its rows of a table, the oldest first.
    #[must_use]
    pub fn of(&self, table: &str) -> &[Value] {
        self.rows.get(table).map(Vec::as_slice).unwrap_or_default()
    }
}

pub struct Source {
    client: Client,
    schema: String,
}

impl Source {
    /// # Errors
    /// If there is no such database.
    pub async fn connect(url: &str, schema: &str, ca: Option<&str>) -> Result<Self, Error> {
        if !schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            return Err(Error::Source("the schema is no name".to_owned()));
        }
        let config: tokio_postgres::Config = url
            .parse()
            .map_err(|_| Error::Source("--from is no address of Postgres".to_owned()))?;
        let tls = shared::store::tls(&config, ca).map_err(|error| Error::Database(error.error))?;
        let client = if let Some(tls) = tls {
            let (client, connection) = config.connect(tls).await.map_err(failed)?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(connection);
            client
        };
        Ok(Self { client, schema: schema.to_owned() })
    }

    /// The next accounts, in the order of their ids.
    ///
    /// # Errors
    /// If the database does not answer, or has other tables.
    pub async fn accounts_after(&self, after: Uuid) -> Result<Vec<AccountRows>, Error> {
        let schema = &self.schema;
        let query = format!(
            "SELECT id, to_jsonb(t) FROM {schema}.users_auth t WHERE id > $1 ORDER BY id LIMIT {BATCH}"
        );
        let rows = self.client.query(&query, &[&after]).await.map_err(failed)?;
        let mut accounts: Vec<AccountRows> = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.try_get(0).map_err(failed)?;
            let account = row.try_get(1).map_err(failed)?;
            accounts.push(AccountRows { id, account, rows: HashMap::new() });
        }
        let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
        let places: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
        for table in TABLES {
            let query = format!(
                "SELECT user_id, to_jsonb(t) FROM {schema}.{table} t WHERE user_id = ANY ($1)
                  ORDER BY created_at, id"
            );
            for row in self.client.query(&query, &[&ids]).await.map_err(failed)? {
                let user: Uuid = row.try_get(0).map_err(failed)?;
                if let Some(place) = places.get(&user) {
                    let value = row.try_get(1).map_err(failed)?;
                    accounts[*place].rows.entry(table).or_default().push(value);
                }
            }
        }
        Ok(accounts)
    }
}

/// Without what the error quotes of rows.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(error: tokio_postgres::Error) -> Error {
    let code = error.code().map(|code| format!("SQLSTATE {}", code.code()));
    Error::Source(code.unwrap_or_else(|| "no connection, or rows of another form".to_owned()))
}
