//! Secrets of second factors under an earlier data key. As with sessions, each batch looks at the
//! next accounts in the order of their ids, and a row of `maintenance_positions` says how far the
//! walk has come. A batch that was read and not written comes again with the next walk.

use domain::ids::UserId;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::BATCH_ROWS;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

static TAKE_OLD_SECRETS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH position AS (
           SELECT task, after FROM auth.maintenance_positions
            WHERE task = 'renew_secrets' FOR UPDATE SKIP LOCKED),
         seen AS MATERIALIZED (
           SELECT u.id, u.two_factor_secret FROM position AS p CROSS JOIN LATERAL (
             SELECT id, two_factor_secret FROM auth.users_auth
              WHERE id > p.after ORDER BY id LIMIT {BATCH_ROWS}) AS u),
         old AS (
           SELECT id, two_factor_secret AS secret FROM seen
            WHERE substring(two_factor_secret FOR octet_length(:key)) <> :key),
         moved AS (
           UPDATE auth.maintenance_positions AS p
              SET after = CASE WHEN (SELECT count(*) FROM seen) = {BATCH_ROWS}
                    THEN (SELECT id FROM seen ORDER BY id DESC LIMIT 1)
                    ELSE '00000000-0000-0000-0000-000000000000' END
             FROM position WHERE p.task = position.task)
         SELECT array(SELECT id FROM old ORDER BY id) AS users,
                array(SELECT secret FROM old ORDER BY id) AS secrets,
                (SELECT count(*) FROM seen) < {BATCH_ROWS} AS is_last"
    );
    Statement::new("take_old_secrets", &sql, [("key", Type::BYTEA)])
});

row_struct! {
    struct OldSecretsRow { users: Vec<Uuid>, secrets: Vec<Vec<u8>>, is_last: bool }
}

/// A secret that was changed meanwhile stays as it is.
static RENEW_SECRETS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "renew_secrets",
        "WITH renewed AS (
           UPDATE auth.users_auth AS u SET two_factor_secret = n.renewed
             FROM unnest(:users::uuid[], :before::bytea[], :renewed::bytea[])
                  AS n (id, before, renewed)
            WHERE u.id = n.id AND u.two_factor_secret = n.before
           RETURNING u.id)
         SELECT count(*) AS renewed FROM renewed",
        [
            ("users", Type::UUID_ARRAY),
            ("before", Type::BYTEA_ARRAY),
            ("renewed", Type::BYTEA_ARRAY),
        ],
    )
});

row_struct! {
    struct RenewedRow { renewed: i64 }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&TAKE_OLD_SECRETS, &RENEW_SECRETS];

/// A batch of encrypted secrets.
#[derive(Debug)]
pub struct OldSecrets {
    pub secrets: Vec<(UserId, Vec<u8>)>,
    /// The walk has reached the last account, or another run does it.
    pub is_last: bool,
}

/// A secret before, and under the current key.
#[derive(Debug)]
pub struct RenewedSecret {
    pub user: UserId,
    pub before: Vec<u8>,
    pub renewed: Vec<u8>,
}

impl Store {
    /// Looks at the next accounts, and gives the secrets that do not begin with the id of this key.
    pub async fn take_old_secrets(&self, key: &str) -> Result<OldSecrets, StoreError> {
        let row: OldSecretsRow =
            self.fetch_one(&TAKE_OLD_SECRETS, &[("key", &key.as_bytes())]).await?;
        let users = row.users.into_iter().map(UserId::from_uuid);
        Ok(OldSecrets { secrets: users.zip(row.secrets).collect(), is_last: row.is_last })
    }

    /// Replaces secrets. Gives how many.
    pub async fn renew_secrets(&self, secrets: &[RenewedSecret]) -> Result<i64, StoreError> {
        let users: Vec<Uuid> = secrets.iter().map(|secret| *secret.user.as_uuid()).collect();
        let before: Vec<&[u8]> = secrets.iter().map(|secret| &secret.before[..]).collect();
        let renewed: Vec<&[u8]> = secrets.iter().map(|secret| &secret.renewed[..]).collect();
        let parameters: &[Parameter<'_>] =
            &[("users", &users), ("before", &before), ("renewed", &renewed)];
        let row: RenewedRow = self.fetch_one(&RENEW_SECRETS, parameters).await?;
        Ok(row.renewed)
    }
}
