//! Asks `domain::access` whether a device may change its account, under the account's lock, and
//! consumes what it showed.

use domain::access::{self, AccessRefusal, Action, Actor, Joined, Shown, Standing};
use domain::ids::VerificationId;
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::proof::{FreshProof, PROOF_TTL};
use super::second_factor::spend;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDenied {
    /// The session has ended meanwhile.
    SessionEnded,
    /// The code of the second factor was used meanwhile.
    SecondFactorSpent,
    Refused(AccessRefusal),
}

/// A change that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorized {
    Now,
    /// An earlier try of this very call made the change.
    Before,
}

static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_for_change",
        "SELECT FROM auth.users_auth WHERE id = :user FOR UPDATE",
        [("user", Type::UUID)],
    )
});

/// A statement of its own, behind the lock: it sees what was committed while it waited. When a
/// device was last active is told by its sessions.
static READ_STATE: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "read_access_state",
        "SELECT u.phone_number, u.two_factor_enabled, u.last_change_call, s.auth_time,
                s.stepped_up_at,
                coalesce(d.joined, CASE WHEN d.is_verified THEN 'registered' ELSE 'sms' END) AS joined,
                coalesce(d.joined_at, d.created_at) AS joined_at,
                (SELECT max(greatest(o.last_active,
                          (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = o.id)))
                   FROM auth.devices o
                  WHERE o.user_id = u.id AND o.id <> d.id AND o.is_verified AND o.is_active)
                  AS other_verified_active
           FROM auth.sessions s
           JOIN auth.users_auth u ON u.id = s.user_id
           JOIN auth.devices d ON d.id = s.device_id
          WHERE s.id = :session AND s.user_id = :user AND s.revoked_at IS NULL",
        [("user", Type::UUID), ("session", Type::UUID)],
    )
});

row_struct! {
    struct StateRow {
        phone_number: String,
        two_factor_enabled: bool,
        last_change_call: Option<Uuid>,
        auth_time: SystemTime,
        stepped_up_at: Option<SystemTime>,
        joined: String,
        joined_at: SystemTime,
        other_verified_active: Option<SystemTime>,
    }
}

/// Marks the call, and consumes the verification if one is given. No row if another call used it.
static CONSUME: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "consume_proof",
        "WITH consumed AS (
           INSERT INTO auth.used_verifications AS v (verification_id, used_by, used_at)
           SELECT :verification, :call, :now WHERE :verification IS NOT NULL
           ON CONFLICT (verification_id) DO UPDATE SET used_by = excluded.used_by
            WHERE v.used_by = excluded.used_by
           RETURNING verification_id)
         UPDATE auth.users_auth SET last_change_call = :call, updated_at = :now
          WHERE id = :user AND (:verification IS NULL OR EXISTS (SELECT FROM consumed))
         RETURNING id",
        [
            ("user", Type::UUID),
            ("verification", Type::UUID),
            ("call", Type::UUID),
            ("now", Type::TIMESTAMPTZ),
        ],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_ACCOUNT, &READ_STATE, &CONSUME];

/// Whether the caller may do this now. If so, the account is locked until the transaction ends,
/// and what the caller showed is consumed with it: the verification only where it is needed.
pub(in crate::store) async fn authorize(
    transaction: &Transaction<'_>,
    proof: &FreshProof,
    action: Action,
    now: Timestamp,
) -> Result<Result<Authorized, AccessDenied>, StoreError> {
    let Principal { user, session, .. } = proof.principal;
    let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let of_session: &[Parameter<'_>] = &[("user", user.as_uuid()), ("session", session.as_uuid())];
    let (locked, state) = tokio::join!(
        biased;
        transaction.fetch_all::<()>(&LOCK_ACCOUNT, of_user),
        transaction.fetch_optional::<StateRow>(&READ_STATE, of_session),
    );
    locked?;
    let Some(state) = state? else { return Ok(Err(AccessDenied::SessionEnded)) };
    if state.last_change_call.as_ref() == Some(proof.call.as_uuid()) {
        return Ok(Ok(Authorized::Before));
    }
    let since = SystemTime::from(now - PROOF_TTL);
    let by_log_in = state.auth_time >= since;
    let by_code = proof.proves(&state.phone_number);
    let stepped_up = state.stepped_up_at.is_some_and(|at| at >= since);
    let actor = Actor {
        standing: state.standing()?,
        has_second_factor: state.two_factor_enabled,
        serves_shipped_clients: proof.serves_shipped_clients,
    };
    let shown = Shown {
        young_token: proof.young_token,
        number: by_log_in || by_code,
        second_factor: stepped_up || proof.second_factor.is_some(),
    };
    let decide = |shown| access::decide(action, &actor, shown, now).map_err(AccessDenied::Refused);
    if let Err(denied) = decide(shown) {
        return Ok(Err(denied));
    }
    if let Some(claim) = &proof.second_factor
        && state.two_factor_enabled
        && !spend(transaction, user, claim, proof.call.as_uuid()).await?
    {
        return Ok(Err(AccessDenied::SecondFactorSpent));
    }
    // Where the action needs no number, the code stays usable.
    let without = Shown { number: by_log_in, ..shown };
    let verification = match decide(without) {
        Ok(()) => None,
        Err(_) => proof.verification_id().map(VerificationId::as_uuid),
    };
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("verification", &verification),
        ("call", proof.call.as_uuid()),
        ("now", &SystemTime::from(now)),
    ];
    let consumed: Option<()> = transaction.fetch_optional(&CONSUME, parameters).await?;
    Ok(match consumed {
        Some(()) => Ok(Authorized::Now),
        // Another call used the verification: it proves nothing any more.
        None => Err(decide(without).err().unwrap_or(AccessDenied::SessionEnded)),
    })
}

impl StateRow {
    fn standing(&self) -> Result<Standing, StoreError> {
        let joined = Joined::from_stored(&self.joined).ok_or(StoreError::UnexpectedData {
            statement: "read_access_state",
            what: "how the device joined",
        })?;
        Ok(Standing {
            joined,
            joined_at: self.joined_at.into(),
            other_verified_active: self.other_verified_active.map(Timestamp::from),
        })
    }
}
