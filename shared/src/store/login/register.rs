//! Register: an account with its first device and session.

use domain::phone::PhoneNumber;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::new_login::{
    DEVICE_COLUMNS, LoginCompleted, LoginOutcome, NewLogin, SESSION_COLUMNS, TYPES,
    USED_VERIFICATION, find_own_login, map_login_constraint,
};
use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::audit;
use crate::store::statement::{LazyStatement, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

/// Writes nothing and returns no row if the number has an account.
static INSERT_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH account AS (
           INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at)
           VALUES (:user, :phone, :now, :now, :now)
           ON CONFLICT (phone_number) DO NOTHING
           RETURNING id AS user_id),
         {USED_VERIFICATION},
         device AS (
           INSERT INTO auth.devices ({DEVICE_COLUMNS})
           SELECT :device, user_id, :fingerprint, coalesce(:device_name, :default_device_name),
                  coalesce(:device_type, :default_device_type), :model, :os_version, :app_version,
                  :fcm_token, :apns_token, true, :now, :now, :now,
                  CASE WHEN :has_keys THEN 1 END, 'registered', :now
             FROM account),
         session AS (
           INSERT INTO auth.sessions ({SESSION_COLUMNS})
           SELECT :session, user_id, :device, :now, :now, :now, :expires_at, :now
             FROM account),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT :history, user_id, :device, :address, 'success', :now FROM account),
         registered_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.registered',
                  jsonb_build_object('userId', user_id, 'phoneNumber', :phone,
                                     'timestamp', :timestamp), :now
             FROM account),
         {audit}
         SELECT user_id, CASE WHEN :has_keys THEN 1::int2 END AS signal_device_id FROM account",
        audit = audit("account"),
    );
    Statement::new("insert_account", &sql, [&TYPES[..], &[("phone", Type::TEXT)]].concat())
});

row_struct! {
    struct InsertedRow { user_id: Uuid, signal_device_id: Option<i16> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&INSERT_ACCOUNT];

impl Store {
    /// Creates an account with its first device and session: one statement, two more for
    /// keys, one commit. Two round trips.
    pub async fn register(
        &self,
        login: &NewLogin,
        phone: &PhoneNumber,
    ) -> Result<LoginOutcome, StoreError> {
        let result =
            self.transaction("register", |transaction| register(transaction, login, phone));
        map_login_constraint(result.await)
    }
}

async fn register(
    transaction: Transaction<'_>,
    login: &NewLogin,
    phone: &PhoneNumber,
) -> Result<Ended<LoginOutcome>, StoreError> {
    match insert_account(&transaction, login, phone, &login.audit).await? {
        Ok(Some(completed)) => transaction.commit(LoginOutcome::Completed(completed)).await,
        Err(refused) => transaction.rollback(refused).await,
        // The number has an account: of an earlier try of this call, or of someone else.
        Ok(None) => {
            let used = find_own_login(transaction, login).await?;
            Ok(used.map(|used| used.unwrap_or(LoginOutcome::AccountExists)))
        }
    }
}

/// Creates the account in a transaction. None if the number has one.
pub(super) async fn insert_account(
    transaction: &Transaction<'_>,
    login: &NewLogin,
    phone: &PhoneNumber,
    audit: &AuditEntry,
) -> Result<Result<Option<LoginCompleted>, LoginOutcome>, StoreError> {
    let derived = login.derived(login.now);
    let phone = phone.as_e164();
    let mut parameters = login.parameters(&login.user, &derived, audit);
    parameters.push(("phone", &phone));
    let (inserted, published) = tokio::join!(
        biased;
        transaction.fetch_optional(&INSERT_ACCOUNT, &parameters),
        login.publish_keys(transaction, login.user),
    );
    let inserted: Option<InsertedRow> = inserted?;
    let Some(InsertedRow { user_id, signal_device_id }) = inserted else { return Ok(Ok(None)) };
    if let Some(refused) = LoginOutcome::of_keys(published?) {
        return Ok(Err(refused));
    }
    let (device, installation) = (*login.device.as_uuid(), login.details.fingerprint.clone());
    let completed =
        LoginCompleted::new(user_id, device, installation, signal_device_id, Vec::new());
    Ok(Ok(Some(completed)))
}
