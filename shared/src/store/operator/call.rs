//! `operator_calls`: the first statement of a change claims the id of its call, and the last one keeps
//! what was done. Who comes with the same id waits, and then finds that.

use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::error::StoreError;
use crate::store::sessions::end::session_ids;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

static CLAIM_CALL: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "claim_operator_call",
        "INSERT INTO auth.operator_calls (request_id, user_id, operation, digest, called_at)
         VALUES (:request, :user, :operation, :digest, :now)
         ON CONFLICT (request_id) DO NOTHING RETURNING 1 AS claimed",
        [
            ("request", Type::UUID),
            ("user", Type::UUID),
            ("operation", Type::TEXT),
            ("digest", Type::BYTEA),
            ("now", Type::TIMESTAMPTZ),
        ],
    )
});

/// A statement of its own: it sees what the call that was waited for has committed.
static FIND_CALL: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_operator_call",
        "SELECT digest = :digest AS is_same, ended_sessions, effective_at, tombstones
           FROM auth.operator_calls WHERE request_id = :request",
        [("request", Type::UUID), ("digest", Type::BYTEA)],
    )
});

row_struct! {
    struct CallRow {
        is_same: bool,
        ended_sessions: i32,
        effective_at: Option<SystemTime>,
        tombstones: Vec<Uuid>,
    }
}

static KEEP_ANSWER: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "keep_operator_answer",
        "UPDATE auth.operator_calls
            SET ended_sessions = :ended, effective_at = :effective_at, tombstones = :tombstones
          WHERE request_id = :request",
        [
            ("request", Type::UUID),
            ("ended", Type::INT4),
            ("effective_at", Type::TIMESTAMPTZ),
            ("tombstones", Type::UUID_ARRAY),
        ],
    )
});

static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_for_operator",
        "SELECT u.phone_number IS NULL AS is_released, u.two_factor_enabled
           FROM auth.users_auth u WHERE u.id = :user FOR UPDATE",
        [("user", Type::UUID)],
    )
});

row_struct! {
    pub(super) struct LockedRow { is_released: bool, two_factor_enabled: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&CLAIM_CALL, &FIND_CALL, &KEEP_ANSWER, &LOCK_ACCOUNT];

/// A change that somebody asks for.
#[derive(Debug)]
pub struct OperatorCall {
    /// Drawn by the caller.
    pub request: Uuid,
    pub user: UserId,
    pub operation: &'static str,
    /// Of all that was asked for.
    pub digest: [u8; 32],
    pub now: Timestamp,
    pub audit: AuditEntry,
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorChange {
    /// How many sessions it ended.
    pub ended_sessions: i32,
    /// From when on it holds, if not at once.
    pub effective_at: Option<Timestamp>,
    /// The sessions that need a tombstone.
    pub tombstones: Vec<SessionId>,
    /// The sessions of an account that is deleted: all of them, and for a repeated call those that
    /// need a tombstone.
    pub deleted_sessions: Vec<SessionId>,
}

impl OperatorChange {
    /// Of a change that ended these sessions now, and whose tombstones are these.
    pub(super) fn ended(ended: i64, tombstones: Vec<Uuid>) -> Self {
        let ended_sessions = i32::try_from(ended).unwrap_or(i32::MAX);
        Self { ended_sessions, tombstones: session_ids(tombstones), ..Self::default() }
    }
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorRefusal {
    UserNotFound,
    /// The id of the call is that of a call which asked for something else.
    RequestReused,
    /// The account has lost its number, and only gets one again.
    Released,
    /// The account has its number.
    NotReleased,
    NoSecondFactor,
    VerificationUsed,
    /// The number has an account: this one or another.
    AccountExists,
}

/// What a call finds that claims its id.
pub(super) enum Claim {
    /// The account is locked: the change is to be made.
    New(LockedRow),
    /// An earlier call with this id, or an earlier try of this one, has made it; or it is refused.
    Answered(Result<OperatorChange, OperatorRefusal>),
}

/// Claims the id of a call, and locks its account.
pub(super) async fn claim(
    transaction: &Transaction<'_>,
    call: &OperatorCall,
) -> Result<Claim, StoreError> {
    let digest = call.digest.as_slice();
    let new: &[Parameter<'_>] = &[
        ("request", &call.request),
        ("user", call.user.as_uuid()),
        ("operation", &call.operation),
        ("digest", &digest),
        ("now", &SystemTime::from(call.now)),
    ];
    let claimed: Option<()> = transaction.fetch_optional(&CLAIM_CALL, new).await?;
    if claimed.is_none() {
        let known: &[Parameter<'_>] = &[("request", &call.request), ("digest", &digest)];
        let row: CallRow = transaction.fetch_one(&FIND_CALL, known).await?;
        let tombstones = session_ids(row.tombstones);
        let made = OperatorChange {
            ended_sessions: row.ended_sessions,
            effective_at: row.effective_at.map(Timestamp::from),
            deleted_sessions: tombstones.clone(),
            tombstones,
        };
        let answer = if row.is_same { Ok(made) } else { Err(OperatorRefusal::RequestReused) };
        return Ok(Claim::Answered(answer));
    }
    let of_user: &[Parameter<'_>] = &[("user", call.user.as_uuid())];
    let locked: Option<LockedRow> = transaction.fetch_optional(&LOCK_ACCOUNT, of_user).await?;
    Ok(locked.map_or(Claim::Answered(Err(OperatorRefusal::UserNotFound)), Claim::New))
}

/// Keeps what a call did, for those that repeat it, and commits.
pub(super) async fn commit(
    transaction: Transaction<'_>,
    call: &OperatorCall,
    change: OperatorChange,
) -> Result<Ended<Result<OperatorChange, OperatorRefusal>>, StoreError> {
    let tombstones: Vec<Uuid> = change.tombstones.iter().map(|id| *id.as_uuid()).collect();
    let parameters: &[Parameter<'_>] = &[
        ("request", &call.request),
        ("ended", &change.ended_sessions),
        ("effective_at", &change.effective_at.map(SystemTime::from)),
        ("tombstones", &tombstones),
    ];
    transaction.fetch_all::<()>(&KEEP_ANSWER, parameters).await?;
    transaction.commit(Ok(change)).await
}
