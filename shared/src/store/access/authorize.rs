//! Asks `domain::access` whether a device may change its account, under the account's lock, and
//! consumes what it showed.

use domain::access::{self, AccessRefusal, Action, Actor, Joined, Seniority, Shown, Standing};
use domain::ids::{DeviceId, VerificationId};
use domain::principal::Principal;
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::proof::{FreshProof, PROOF_TTL};
use super::second_factor::spend;
use crate::store::error::StoreError;
use crate::store::second_factor::reset_at::RESET_AT;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDenied {
    /// The session has ended meanwhile.
    SessionEnded,
    /// The device that is to be changed is not the user's.
    DeviceNotFound,
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

/// What a caller may do.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    pub action: Action,
    /// Whether it needed the verification, which is used by that.
    pub used_verification: bool,
}

/// What a caller wants to change.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// The first of these that is allowed.
    Account(&'a [Action]),
    /// Something of a device of the account.
    Device(DeviceId, fn(Seniority) -> Action),
}

pub(in crate::store) static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_for_change",
        "SELECT FROM auth.users_auth WHERE id = :user FOR UPDATE",
        [("user", Type::UUID)],
    )
});

/// A statement of its own, behind the lock: it sees what was committed while it waited. When a
/// device was last active is told by its sessions. An earlier try of the same call may have ended
/// the session, so the row does not depend on that.
pub(in crate::store) static READ_STATE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.phone_number, u.two_factor_enabled, {RESET_AT} AS reset_at, u.last_change_call,
                s.auth_time, s.stepped_up_at,
                coalesce(d.joined, CASE WHEN d.is_verified THEN 'registered' ELSE 'sms' END) AS joined,
                coalesce(d.joined_at, d.created_at) AS joined_at,
                (SELECT max(greatest(o.last_active,
                          (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = o.id)))
                   FROM auth.devices o
                  WHERE o.user_id = u.id AND o.id <> d.id AND o.is_verified AND o.is_active)
                  AS other_verified_active,
                coalesce(t.joined_at, t.created_at) AS target_joined_at
           FROM auth.users_auth u
           LEFT JOIN (auth.sessions s JOIN auth.devices d ON d.id = s.device_id)
             ON s.id = :session AND s.user_id = u.id AND s.revoked_at IS NULL
           LEFT JOIN auth.devices t ON t.id = :target AND t.user_id = u.id
          WHERE u.id = :user"
    );
    let types = [("user", Type::UUID), ("session", Type::UUID), ("target", Type::UUID)];
    Statement::new("read_access_state", &sql, types)
});

row_struct! {
    pub(in crate::store) struct StateRow {
        phone_number: Option<String>,
        two_factor_enabled: bool,
        reset_at: Option<SystemTime>,
        last_change_call: Option<Uuid>,
        auth_time: Option<SystemTime>,
        stepped_up_at: Option<SystemTime>,
        joined: String,
        joined_at: Option<SystemTime>,
        other_verified_active: Option<SystemTime>,
        target_joined_at: Option<SystemTime>,
    }
}

/// How many changes of a device are remembered at a time. The oldest count: they lead back to what was
/// before all of them.
const MAX_REMEMBERED: usize = 20;

/// Marks the call, and consumes the verification if one is given: it proves the number. Remembers what
/// was before a change that can be undone. No row if another call used the verification.
static CONSUME: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH consumed AS (
           INSERT INTO auth.used_verifications AS v (verification_id, used_by, used_at)
           SELECT :verification, :call, :now WHERE :verification IS NOT NULL
           ON CONFLICT (verification_id) DO UPDATE SET used_by = excluded.used_by
            WHERE v.used_by = excluded.used_by
           RETURNING verification_id),
         remembered AS (
           INSERT INTO auth.account_changes (call, user_id, device_id, device_joined_at, changed_at,
                  phone_number, two_factor_enabled, two_factor_secret, recovery_code_hash,
                  backup_codes)
           SELECT :call, u.id, :device, :device_joined_at, :now, u.phone_number,
                  u.two_factor_enabled, u.two_factor_secret, u.recovery_code_hash,
                  coalesce((SELECT jsonb_agg(to_jsonb(b)) FROM auth.backup_codes b
                             WHERE b.user_id = u.id), '[]')
             FROM auth.users_auth u
            WHERE u.id = :user AND :is_undoable
              AND (SELECT count(*) FROM auth.account_changes c
                    WHERE c.user_id = :user AND c.device_id = :device) < {MAX_REMEMBERED})
         UPDATE auth.users_auth
            SET last_change_call = :call, updated_at = :now,
                log_ins_stopped_since =
                  CASE WHEN :verification IS NULL THEN log_ins_stopped_since END
          WHERE id = :user AND (:verification IS NULL OR EXISTS (SELECT FROM consumed))
         RETURNING 1 AS consumed"
    );
    let types = [
        ("user", Type::UUID),
        ("device", Type::UUID),
        ("device_joined_at", Type::TIMESTAMPTZ),
        ("is_undoable", Type::BOOL),
        ("verification", Type::UUID),
        ("call", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
    ];
    Statement::new("consume_proof", &sql, types)
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
    let authorized = authorize_change(transaction, proof, Change::Account(&[action]), now).await?;
    Ok(authorized.map(|allowed| allowed.map_or(Authorized::Before, |_| Authorized::Now)))
}

/// The same for a change that depends on what else is true of the account. Gives none if an earlier
/// try of this very call made the change.
pub(in crate::store) async fn authorize_change(
    transaction: &Transaction<'_>,
    proof: &FreshProof,
    change: Change<'_>,
    now: Timestamp,
) -> Result<Result<Option<Allowed>, AccessDenied>, StoreError> {
    let Principal { user, session, device: own } = proof.principal;
    let target = match &change {
        Change::Account(_) => None,
        Change::Device(device, _) => Some(device.as_uuid()),
    };
    let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let of_session: &[Parameter<'_>] =
        &[("user", user.as_uuid()), ("session", session.as_uuid()), ("target", &target)];
    let (locked, state) = tokio::join!(
        biased;
        transaction.fetch_all::<()>(&LOCK_ACCOUNT, of_user),
        transaction.fetch_optional::<StateRow>(&READ_STATE, of_session),
    );
    locked?;
    let Some(state) = state? else { return Ok(Err(AccessDenied::SessionEnded)) };
    if state.last_change_call.as_ref() == Some(proof.call.as_uuid()) {
        return Ok(Ok(None));
    }
    if target.is_some() && state.target_joined_at.is_none() {
        return Ok(Err(AccessDenied::DeviceNotFound));
    }
    let Some(auth_time) = state.auth_time else { return Ok(Err(AccessDenied::SessionEnded)) };
    let standing = state.standing()?;
    let of_device;
    let actions = match (change, state.target_joined_at) {
        (Change::Account(actions), _) => actions,
        (Change::Device(device, action), joined_at) => {
            let joined_at = joined_at.map_or(standing.joined_at, Timestamp::from);
            let seniority = Seniority::of((standing.joined_at, own), (joined_at, device));
            of_device = [action(seniority)];
            &of_device
        }
    };
    let since = SystemTime::from(now - PROOF_TTL);
    let by_log_in = auth_time >= since;
    let by_code = state.phone_number.as_ref().is_some_and(|phone| proof.proves(phone));
    let stepped_up = state.stepped_up_at.is_some_and(|at| at >= since);
    let reset_at = state.reset_at.map(Timestamp::from);
    let has_second_factor = is_in_force(state.two_factor_enabled, reset_at, now);
    let actor =
        Actor { standing, has_second_factor, serves_shipped_clients: proof.serves_shipped_clients };
    let shown = Shown {
        young_token: proof.young_token,
        number: by_log_in || by_code,
        second_factor: stepped_up || proof.second_factor.is_some(),
    };
    let decide =
        |action, shown| access::decide(action, &actor, shown, now).map_err(AccessDenied::Refused);
    let Some(&action) = actions.iter().find(|action| decide(**action, shown).is_ok()) else {
        let refused = actions.first().and_then(|action| decide(*action, shown).err());
        return Ok(Err(refused.unwrap_or(AccessDenied::SessionEnded)));
    };
    if let Some(claim) = &proof.second_factor
        && has_second_factor
        && !spend(transaction, user, claim, proof.call.as_uuid()).await?
    {
        return Ok(Err(AccessDenied::SecondFactorSpent));
    }
    // Where the action needs no number, the code stays usable.
    let without = decide(action, Shown { number: by_log_in, ..shown });
    let verification = match without {
        Ok(()) => None,
        Err(_) => proof.verification_id().map(VerificationId::as_uuid),
    };
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("device", own.as_uuid()),
        ("device_joined_at", &SystemTime::from(standing.joined_at)),
        ("is_undoable", &action.is_undoable()),
        ("verification", &verification),
        ("call", proof.call.as_uuid()),
        ("now", &SystemTime::from(now)),
    ];
    let consumed: Option<()> = transaction.fetch_optional(&CONSUME, parameters).await?;
    Ok(match consumed {
        Some(()) => Ok(Some(Allowed { action, used_verification: verification.is_some() })),
        // Another call used the verification: it proves nothing any more.
        None => Err(without.err().unwrap_or(AccessDenied::SessionEnded)),
    })
}

impl StateRow {
    pub(in crate::store) fn standing(&self) -> Result<Standing, StoreError> {
        let joined = Joined::from_stored(&self.joined).ok_or(StoreError::UnexpectedData {
            statement: "read_access_state",
            what: "how the device joined",
        })?;
        Ok(Standing {
            joined,
            joined_at: self.joined_at.map_or(Timestamp::from_millis(0), Timestamp::from),
            other_verified_active: self.other_verified_active.map(Timestamp::from),
        })
    }
}
