//! Whether a session is alive, read from its row.

use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement};

static FIND_LIVE_SESSION: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_live_session",
        "SELECT 1 AS alive FROM auth.sessions
          WHERE id = :session AND user_id = :user AND revoked_at IS NULL AND expires_at > :now",
        [("session", Type::UUID), ("user", Type::UUID), ("now", Type::TIMESTAMPTZ)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&FIND_LIVE_SESSION];

impl Store {
    pub async fn is_session_alive(
        &self,
        principal: Principal,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("session", principal.session.as_uuid()),
            ("user", principal.user.as_uuid()),
            ("now", &SystemTime::from(now)),
        ];
        let row: Option<()> = self.fetch_optional(&FIND_LIVE_SESSION, parameters).await?;
        Ok(row.is_some())
    }
}
