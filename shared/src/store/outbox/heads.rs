//! The heads of all chains, as a root is made over them, and whether chains still hold what a root saw.

use domain::ids::UserId;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::root::Head;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Heads that are read or checked at once.
pub const HEADS_PAGE: usize = 5000;

static LIST_HEADS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT user_id, seq, head FROM auth.audit_heads
          WHERE user_id > :after ORDER BY user_id LIMIT {HEADS_PAGE}"
    );
    Statement::new("list_heads", &sql, [("after", Type::UUID)])
});

row_struct! {
    struct HeadRow { user_id: Uuid, seq: i64, head: Vec<u8> }
}

/// Those that have another entry in their place, or none.
static FIND_OTHER_HEADS: LazyStatement = LazyStatement::new(|| {
    let sql = "SELECT h.user_id, h.seq, e.hash IS NULL AS is_missing
           FROM unnest(:users::uuid[], :seqs::int8[], :hashes::bytea[]) AS h (user_id, seq, hash)
           LEFT JOIN auth.security_events AS e ON e.user_id = h.user_id AND e.seq = h.seq
          WHERE e.hash IS DISTINCT FROM h.hash ORDER BY h.user_id";
    let types =
        [("users", Type::UUID_ARRAY), ("seqs", Type::INT8_ARRAY), ("hashes", Type::BYTEA_ARRAY)];
    Statement::new("find_other_heads", sql, types)
});

row_struct! {
    struct OtherRow { user_id: Uuid, seq: i64, is_missing: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LIST_HEADS, &FIND_OTHER_HEADS];

/// A head of a root whose place holds something else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherHead {
    pub user: UserId,
    pub seq: i64,
    pub is_missing: bool,
}

impl Store {
    /// The next heads in the order of their users.
    pub async fn list_heads(&self, after: UserId) -> Result<Vec<Head>, StoreError> {
        let rows: Vec<HeadRow> = self.fetch_all(&LIST_HEADS, &[("after", after.as_uuid())]).await?;
        let head = |row: HeadRow| {
            let hash = row.head.try_into().map_err(|_| LIST_HEADS.unexpected("head"))?;
            Ok(Head { user: UserId::from_uuid(row.user_id), seq: row.seq, hash })
        };
        rows.into_iter().map(head).collect()
    }

    /// Which of these heads are not in their chains any more.
    pub async fn find_other_heads(&self, heads: &[Head]) -> Result<Vec<OtherHead>, StoreError> {
        let users: Vec<Uuid> = heads.iter().map(|head| *head.user.as_uuid()).collect();
        let seqs: Vec<i64> = heads.iter().map(|head| head.seq).collect();
        let hashes: Vec<&[u8]> = heads.iter().map(|head| &head.hash[..]).collect();
        let parameters: &[Parameter<'_>] =
            &[("users", &users), ("seqs", &seqs), ("hashes", &hashes)];
        let rows: Vec<OtherRow> = self.fetch_all(&FIND_OTHER_HEADS, parameters).await?;
        let other = |row: OtherRow| OtherHead {
            user: UserId::from_uuid(row.user_id),
            seq: row.seq,
            is_missing: row.is_missing,
        };
        Ok(rows.into_iter().map(other).collect())
    }
}
