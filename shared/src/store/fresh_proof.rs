//! Fresh proofs: what may not be done with a stolen token alone needs a young token, and that the
//! number of the account was proven a short time ago. The statement that makes the change checks
//! the proof and consumes it, under the lock of the account.

use domain::ids::{DeviceId, VerificationId};
use domain::phone::PhoneNumber;
use domain::principal::Principal;
use std::time::Duration;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::Store;
use super::error::StoreError;
use super::statement::{LazyStatement, Statement, row_struct};

/// The log-in that began the session proves the number for so long.
pub const PROOF_TTL: Duration = Duration::from_mins(10);

/// What a caller shows. Only the extractor `FreshCaller` makes one: the access token is young, and
/// the verification, if there is one, is confirmed.
#[derive(Debug)]
pub struct FreshProof {
    principal: Principal,
    /// A confirmed verification, and the number that it proves.
    proven: Option<(VerificationId, PhoneNumber)>,
}

impl FreshProof {
    pub(crate) const fn new(
        principal: Principal,
        proven: Option<(VerificationId, PhoneNumber)>,
    ) -> Self {
        Self { principal, proven }
    }

    #[must_use]
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    #[must_use]
    pub fn verification_id(&self) -> Option<&VerificationId> {
        self.proven.as_ref().map(|(id, _)| id)
    }

    pub(super) fn verification(&self) -> Option<&Uuid> {
        self.verification_id().map(VerificationId::as_uuid)
    }

    pub(super) fn phone(&self) -> Option<&str> {
        self.proven.as_ref().map(|(_, phone)| phone.as_e164())
    }
}

/// Why a proof is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefusal {
    /// The session has ended meanwhile.
    SessionEnded,
    /// The account requires a second factor, which was not presented.
    SecondFactorRequired,
    /// The log-in is too old, and no verification of the account's number was left to consume.
    Unproven,
}

impl ProofRefusal {
    /// What the columns of [`PROOF_COLUMNS`] mean.
    pub(super) const fn of(
        has_session: bool,
        needs_second_factor: bool,
        is_proven: bool,
    ) -> Option<Self> {
        if !has_session {
            Some(Self::SessionEnded)
        } else if needs_second_factor {
            Some(Self::SecondFactorRequired)
        } else if !is_proven {
            Some(Self::Unproven)
        } else {
            None
        }
    }
}

/// The parameters of [`consume_proof`] besides `user` and `now`.
pub(super) const PROOF_TYPES: [(&str, Type); 5] = [
    ("session", Type::UUID),
    ("proven_since", Type::TIMESTAMPTZ),
    ("verification", Type::UUID),
    ("proven_phone", Type::TEXT),
    ("call", Type::UUID),
];

/// CTEs: `proven` has a row if the proof holds. The verification is consumed only where it is
/// needed: if the log-in is too old, and if the change is made, which is the condition. A repeated
/// call finds what it has consumed itself.
pub(super) fn consume_proof(condition: &str) -> String {
    format!(
        "session AS (
           SELECT s.auth_time >= :proven_since AS logged_in, u.two_factor_enabled, u.phone_number
             FROM auth.sessions s JOIN auth.users_auth u ON u.id = s.user_id
            WHERE s.id = :session AND s.user_id = :user AND s.revoked_at IS NULL),
         consumed AS (
           INSERT INTO auth.used_verifications AS v (verification_id, used_by, used_at)
           SELECT :verification, :call, :now FROM session
            WHERE NOT logged_in AND NOT two_factor_enabled AND phone_number = :proven_phone
              AND {condition}
           ON CONFLICT (verification_id) DO UPDATE SET used_by = excluded.used_by
            WHERE v.used_by = excluded.used_by
           RETURNING verification_id),
         proven AS (
           SELECT FROM session
            WHERE NOT two_factor_enabled AND (logged_in OR EXISTS (SELECT FROM consumed)))"
    )
}

/// The columns that a statement with a proof returns.
pub(super) const PROOF_COLUMNS: &str = "EXISTS (SELECT FROM session) AS has_session,
                coalesce((SELECT two_factor_enabled FROM session), false) AS needs_second_factor,
                EXISTS (SELECT FROM proven) AS is_proven";

static FIND_FINGERPRINT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_fingerprint",
        "SELECT device_fingerprint FROM auth.devices WHERE id = :device",
        [("device", Type::UUID)],
    )
});

row_struct! {
    struct FingerprintRow { device_fingerprint: String }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&FIND_FINGERPRINT];

impl Store {
    /// The client's own id of a device.
    pub async fn find_fingerprint(&self, device: DeviceId) -> Result<Option<String>, StoreError> {
        let row: Option<FingerprintRow> =
            self.fetch_optional(&FIND_FINGERPRINT, &[("device", device.as_uuid())]).await?;
        Ok(row.map(|row| row.device_fingerprint))
    }
}
