//! The role that the functions log in with. It reads and writes rows, and owns nothing: the
//! role that migrates owns the tables.

use tokio_postgres::Client;

use crate::error::MigrationError;
use crate::file::is_plain;

/// A name in Postgres is cut off after this.
const MAX_NAME: usize = 63;

/// Creates the role unless it exists, and grants what the functions need. Where the server is RDS,
/// the role may log in by IAM.
pub async fn grant_functions(client: &mut Client, role: &str) -> Result<(), MigrationError> {
    let failed = |source| MigrationError::sql(format!("grant the rights of {role}"), source);
    let query = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), current_user::text = $1,
        EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam')";
    let row = client.query_one(query, &[&role]).await.map_err(failed)?;
    let read = |column| row.try_get::<_, bool>(column).map_err(failed);
    let (exists, is_owner, has_iam) = (read(0)?, read(1)?, read(2)?);
    if !is_plain(role) || role.len() > MAX_NAME || is_owner {
        return Err(MigrationError::Role(role.to_owned()));
    }
    let create = if exists { String::new() } else { format!("CREATE ROLE {role} LOGIN;") };
    let iam = if has_iam { format!("GRANT rds_iam TO {role};") } else { String::new() };
    // Default privileges: a table that a later migration creates is never without its rights.
    let sql = format!(
        "{create}
         GRANT USAGE ON SCHEMA auth TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA auth TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth TO {role};
         ALTER DEFAULT PRIVILEGES IN SCHEMA auth
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
         ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT USAGE ON SEQUENCES TO {role};
         ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT EXECUTE ON FUNCTIONS TO {role};
         {iam}"
    );
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(&sql).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
