//! Fresh proofs: what may not be done with a stolen token alone needs a young token, and that the
//! number or the second factor of the account was shown a short time ago.

use domain::ids::{CallId, DeviceId, VerificationId};
use domain::phone::PhoneNumber;
use domain::principal::Principal;
use std::time::Duration;
use tokio_postgres::types::Type;

use super::second_factor::SecondFactorClaim;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Statement, row_struct};

/// The log-in that began the session proves the number for so long, and a step-up the second
/// factor.
pub const PROOF_TTL: Duration = Duration::from_mins(10);

/// What a caller shows. Only the extractors make one.
#[derive(Debug)]
pub struct FreshProof {
    pub(crate) principal: Principal,
    /// Consumes what is shown: a repeated call finds its own work.
    pub(crate) call: CallId,
    /// Whether the access token is young.
    pub(crate) young_token: bool,
    /// A confirmed verification, and the number that it proves.
    pub(crate) proven: Option<(VerificationId, PhoneNumber)>,
    /// A right code of the second factor, not spent yet.
    pub(crate) second_factor: Option<SecondFactorClaim>,
    /// `LEGACY_CLIENTS`: these know fewer proofs.
    pub(crate) serves_shipped_clients: bool,
}

impl FreshProof {
    #[must_use]
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    #[must_use]
    pub const fn call(&self) -> CallId {
        self.call
    }

    #[must_use]
    pub fn verification_id(&self) -> Option<&VerificationId> {
        self.proven.as_ref().map(|(id, _)| id)
    }

    /// The number that the verification proves.
    pub(in crate::store) fn proven_phone(&self) -> Option<&str> {
        self.proven.as_ref().map(|(_, phone)| phone.as_e164())
    }

    /// The same proof with a right code of the second factor.
    #[must_use]
    pub fn with_second_factor(self, claim: SecondFactorClaim) -> Self {
        Self { second_factor: Some(claim), ..self }
    }

    pub(super) fn proves(&self, phone: &str) -> bool {
        self.proven_phone() == Some(phone)
    }
}

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
