//! [`SecondFactor`]: counts an attempt, compares its code, and tells what became of it.

use domain::ids::{CallId, SessionId, UserId};
use domain::recovery_code::RecoveryCode;
use domain::second_factor::{SecondFactorToken, TotpCode};
use domain::time::Timestamp;
use secrecy::ExposeSecret as _;

use super::backup_codes::{self, BackupCodeSet};
use super::totp::matching_step;
use crate::audit::SecurityEvent;
use crate::cache::second_factor::{AttemptBegun, AttemptSettled, SecondFactorAttempt};
use crate::config::EnvReader;
use crate::core::Core;
use crate::crypto::{DataKeys, Pepper};
use crate::http::problem::{Code, Problem};
use crate::store::access::{AccessDenied, SecondFactorClaim};
use crate::store::second_factor::{EnabledBy, PendingSecret, SecondFactorState};
use crate::telemetry::ErrorChain;

/// The keys of second factors.
#[derive(Clone)]
pub struct SecondFactor {
    pub data_keys: DataKeys,
    pub pepper: Pepper,
}

/// A right code, not spent yet, and its attempt, which counts as wrong until it is concluded.
#[derive(Debug)]
pub struct Right<T> {
    pub code: T,
    attempt: SecondFactorAttempt,
}

/// Of the second factor that is enabled.
pub type RightCode = Right<SecondFactorClaim>;
/// Of a secret that is not enabled yet.
pub type RightPendingCode = Right<EnabledBy>;

/// What a comparison found.
enum Compared<T> {
    Right(T),
    /// It was right, and was used before.
    Spent,
    Wrong,
}

impl SecondFactor {
    pub fn read(env: &mut EnvReader, pepper: Option<&Pepper>) -> Option<Self> {
        let data_keys = DataKeys::read(env);
        Some(Self { data_keys: data_keys?, pepper: pepper?.clone() })
    }

    /// Checks a code of an account whose second factor is enabled; none if it is wrong or was used.
    /// `session` is the caller's, none at log-in.
    pub async fn check(
        &self,
        core: &Core,
        state: &SecondFactorState,
        session: Option<SessionId>,
        token: &SecondFactorToken,
        now: Timestamp,
    ) -> Result<Option<RightCode>, Problem> {
        let compare = async || match token {
            SecondFactorToken::Totp(code) => self.compare_totp(core, state, code, now),
            SecondFactorToken::BackupCode(code) => {
                let (codes, peppers) = (&state.backup_codes, self.pepper.load());
                let cost = backup_codes::cost(core.config.stage);
                let found = backup_codes::find(state.user, code, codes, &peppers, cost).await;
                Ok(match found.map_err(Problem::internal)? {
                    Some(code) if code.used => Compared::Spent,
                    Some(code) => Compared::Right(SecondFactorClaim::BackupCode(code.id)),
                    None => Compared::Wrong,
                })
            }
        };
        let code = self.attempt_digest(state.user, token);
        self.attempt(core, (state.user, session, code), now, compare).await
    }

    /// Checks the recovery code of a registration lock at log-in. A wrong one counts as a wrong code
    /// of the second factor; a right one forgets no wrong ones (see [`Right::uncount`]).
    pub async fn check_recovery_code(
        &self,
        core: &Core,
        user: UserId,
        (stored, shown): (&[u8], &RecoveryCode),
        now: Timestamp,
    ) -> Result<Option<Right<()>>, Problem> {
        let code = self.pepper.load().current().recovery_attempt(user, shown);
        let compare = async || {
            // Both are digests of 128 random bits: how long it takes tells nothing.
            let is_right = shown.hash().as_slice() == stored;
            Ok(if is_right { Compared::Right(()) } else { Compared::Wrong })
        };
        self.attempt(core, (user, None, code), now, compare).await
    }

    fn attempt_digest(&self, user: UserId, token: &SecondFactorToken) -> String {
        self.pepper.load().current().second_factor_attempt(user, token)
    }

    /// Checks the code by which a pending secret is to be enabled.
    pub async fn check_pending(
        &self,
        core: &Core,
        state: &SecondFactorState,
        pending: &PendingSecret,
        code: &TotpCode,
        now: Timestamp,
    ) -> Result<Option<RightPendingCode>, Problem> {
        let token = SecondFactorToken::Totp(code.clone());
        let compare = async || {
            let secret = self.data_keys.load().decrypt(state.user, &pending.secret);
            let secret = secret.map_err(Problem::internal)?;
            let step = matching_step(&secret, code, now).map_err(Problem::internal)?;
            Ok(compared(step, state.last_step, |step| EnabledBy {
                secret: pending.secret.clone(),
                step,
            }))
        };
        let code = self.attempt_digest(state.user, &token);
        self.attempt(core, (state.user, Some(pending.session), code), now, compare).await
    }

    /// Draws a set of backup codes.
    pub async fn draw_backup_codes(
        &self,
        core: &Core,
        user: UserId,
    ) -> Result<BackupCodeSet, Problem> {
        let cost = backup_codes::cost(core.config.stage);
        let drawn = backup_codes::draw(user, &self.pepper.load(), cost, core.rng).await;
        drawn.map_err(Problem::internal)
    }

    fn compare_totp(
        &self,
        core: &Core,
        state: &SecondFactorState,
        code: &TotpCode,
        now: Timestamp,
    ) -> Result<Compared<SecondFactorClaim>, Problem> {
        let Some(stored) = &state.secret else { return Ok(Compared::Wrong) };
        let keys = self.data_keys.load();
        let secret = keys.decrypt(state.user, stored).map_err(Problem::internal)?;
        let step = matching_step(&secret, code, now).map_err(Problem::internal)?;
        let renewed = if keys.is_current(stored) {
            stored.clone()
        } else {
            let renewed = keys.encrypt(state.user, secret.expose_secret(), core.rng);
            renewed.map_err(Problem::internal)?
        };
        let secret = stored.clone();
        Ok(compared(step, state.last_step, |step| SecondFactorClaim::Totp {
            step,
            secret,
            renewed,
        }))
    }

    async fn attempt<T>(
        &self,
        core: &Core,
        (user, session, code): (UserId, Option<SessionId>, String),
        now: Timestamp,
        compare: impl AsyncFnOnce() -> Result<Compared<T>, Problem>,
    ) -> Result<Option<Right<T>>, Problem> {
        let attempt =
            SecondFactorAttempt { user, session, call: CallId::new(core.rng.bytes()), code };
        let count = |result| {
            let series = format!(r#"auth_second_factor_attempts_total{{result="{result}"}}"#);
            core.metrics.count(&series);
        };
        match core.cache.begin_second_factor_attempt(&attempt, now).await? {
            AttemptBegun::Compare => {}
            AttemptBegun::Repeated => {
                count("repeated");
                return Ok(None);
            }
            AttemptBegun::Locked { wait } => {
                count("locked");
                core.count_hourly(user, refused_event(session), now).await;
                return Err(Problem::retry(Code::TwoFactorLocked, wait));
            }
        }
        match compare().await? {
            Compared::Right(code) => {
                count("right");
                return Ok(Some(Right { code, attempt }));
            }
            Compared::Spent => {
                count("spent");
                settle(core, &attempt, AttemptSettled::Uncounted, now).await;
            }
            Compared::Wrong => {
                count("wrong");
                // Only a session's record knows a wrong code again.
                if attempt.session.is_some() {
                    settle(core, &attempt, AttemptSettled::Wrong, now).await;
                }
                core.count_hourly(user, refused_event(session), now).await;
            }
        }
        Ok(None)
    }
}

/// What the trail calls a code that was refused.
const fn refused_event(session: Option<SessionId>) -> SecurityEvent {
    match session {
        Some(_) => SecurityEvent::SecondFactorRefused,
        None => SecurityEvent::LogInsFailed,
    }
}

fn compared<T>(step: Option<i64>, last: i64, claim: impl FnOnce(i64) -> T) -> Compared<T> {
    match step {
        Some(step) if step <= last => Compared::Spent,
        Some(step) => Compared::Right(claim(step)),
        None => Compared::Wrong,
    }
}

impl<T> Right<T> {
    /// Takes back that the attempt was counted, and forgets nothing: whoever knows a recovery code may
    /// not guess codes of the second factor for ever.
    pub async fn uncount(&self, core: &Core, now: Timestamp) {
        settle(core, &self.attempt, AttemptSettled::Uncounted, now).await;
    }

    /// Tells what became of a right code: it did its work, another request was first, or the work
    /// failed. Where something else was missing, it stays counted: each try costs what a right code
    /// costs.
    pub async fn conclude<D, E>(
        &self,
        core: &Core,
        result: &Result<Result<D, AccessDenied>, E>,
        now: Timestamp,
    ) {
        let settled = match result {
            Err(_) | Ok(Err(AccessDenied::SecondFactorSpent)) => AttemptSettled::Uncounted,
            Ok(Err(_)) => return,
            Ok(Ok(_)) => AttemptSettled::Right,
        };
        settle(core, &self.attempt, settled, now).await;
    }
}

async fn settle(
    core: &Core,
    attempt: &SecondFactorAttempt,
    settled: AttemptSettled,
    now: Timestamp,
) {
    if let Err(error) = core.cache.settle_second_factor_attempt(attempt, settled, now).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to settle a second factor attempt");
    }
}
