//! What a user reads of its account: an overview, and for an export its sessions and public keys.

use domain::ids::{DeviceId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::second_factor::reset_at::RESET_AT;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// An account as its user sees it.
#[derive(Clone, Debug)]
pub struct AccountOverview {
    pub user: UserId,
    pub phone: PhoneNumber,
    pub created_at: Timestamp,
    pub last_authenticated_at: Timestamp,
    pub two_factor_enabled: bool,
    pub registration_lock: bool,
    pub devices: i64,
}

/// A session that is kept, ended or not.
#[derive(Clone, Debug)]
pub struct ExportedSession {
    pub id: SessionId,
    pub device: DeviceId,
    pub created_at: Timestamp,
    pub last_refreshed_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_for: Option<String>,
}

/// The public keys of a device.
#[derive(Clone, Debug)]
pub struct ExportedKeys {
    pub device: DeviceId,
    pub signal_device: Option<i16>,
    pub registration: Option<i32>,
    pub identity_key: String,
    pub signed_prekey: Option<String>,
    pub last_resort: Option<String>,
    /// One-time keys that were not handed out.
    pub unused_prekeys: i64,
    pub unused_kyber_prekeys: i64,
}

static FIND_OVERVIEW: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.phone_number, u.created_at, u.last_authenticated_at, u.two_factor_enabled,
                {RESET_AT} AS reset_at,
                u.recovery_code_hash IS NOT NULL AS registration_lock,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices
           FROM auth.users_auth u WHERE u.id = :user"
    );
    Statement::new("find_account_overview", &sql, [("user", Type::UUID)])
});

row_struct! {
    struct OverviewRow {
        phone_number: Option<String>,
        created_at: SystemTime,
        last_authenticated_at: SystemTime,
        two_factor_enabled: bool,
        reset_at: Option<SystemTime>,
        registration_lock: bool,
        devices: i64,
    }
}

static LIST_SESSIONS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "list_sessions",
        "SELECT id, device_id, created_at, rotated_at, expires_at, revoked_at, revoked_for
           FROM auth.sessions WHERE user_id = :user
          ORDER BY created_at DESC, id DESC LIMIT :most",
        [("user", Type::UUID), ("most", Type::INT8)],
    )
});

row_struct! {
    struct SessionRow {
        id: Uuid,
        device_id: Uuid,
        created_at: SystemTime,
        rotated_at: SystemTime,
        expires_at: SystemTime,
        revoked_at: Option<SystemTime>,
        revoked_for: Option<String>,
    }
}

static LIST_KEYS: LazyStatement = LazyStatement::new(|| {
    let unused = |kind| {
        format!(
            "coalesce((SELECT p.count - p.next FROM auth.prekey_pages p
                        WHERE p.user_id = i.user_id AND p.device_id = i.device_id
                          AND p.kind = {kind} AND p.identity_id = i.id), 0)::int8"
        )
    };
    let sql = format!(
        "SELECT i.device_id, d.signal_device_id, i.registration_id, i.public_key AS identity_key,
                s.public_key AS signed_prekey,
                translate(encode(l.public_key, 'base64'), E'\n', '') AS last_resort,
                {prekeys} AS unused_prekeys, {kyber} AS unused_kyber_prekeys
           FROM auth.identity_keys i
           JOIN auth.devices d ON d.id = i.device_id
           LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
           LEFT JOIN auth.kyber_last_resort_prekeys l ON l.device_id = i.device_id
          WHERE i.user_id = :user ORDER BY i.device_id",
        prekeys = unused(1),
        kyber = unused(2),
    );
    Statement::new("list_public_keys", &sql, [("user", Type::UUID)])
});

row_struct! {
    struct KeysRow {
        device_id: Uuid,
        signal_device_id: Option<i16>,
        registration_id: Option<i32>,
        identity_key: String,
        signed_prekey: Option<String>,
        last_resort: Option<String>,
        unused_prekeys: i64,
        unused_kyber_prekeys: i64,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&FIND_OVERVIEW, &LIST_SESSIONS, &LIST_KEYS];

impl Store {
    /// None if there is no such account, or it has lost its number.
    pub async fn find_account_overview(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<AccountOverview>, StoreError> {
        let row: Option<OverviewRow> =
            self.fetch_optional(&FIND_OVERVIEW, &[("user", user.as_uuid())]).await?;
        let Some((row, Some(phone))) = row.map(|mut row| {
            let phone = row.phone_number.take();
            (row, phone)
        }) else {
            return Ok(None);
        };
        let phone = PhoneNumber::from_stored(phone)
            .map_err(|_| FIND_OVERVIEW.unexpected("phone_number"))?;
        Ok(Some(AccountOverview {
            user,
            phone,
            created_at: row.created_at.into(),
            last_authenticated_at: row.last_authenticated_at.into(),
            two_factor_enabled: is_in_force(
                row.two_factor_enabled,
                row.reset_at.map(Timestamp::from),
                now,
            ),
            registration_lock: row.registration_lock,
            devices: row.devices,
        }))
    }

    /// The newest sessions of a user.
    pub async fn list_sessions(
        &self,
        user: UserId,
        most: i64,
    ) -> Result<Vec<ExportedSession>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("user", user.as_uuid()), ("most", &most)];
        let rows: Vec<SessionRow> = self.fetch_all(&LIST_SESSIONS, parameters).await?;
        let sessions = rows.into_iter().map(|row| ExportedSession {
            id: SessionId::from_uuid(row.id),
            device: DeviceId::from_uuid(row.device_id),
            created_at: row.created_at.into(),
            last_refreshed_at: row.rotated_at.into(),
            expires_at: row.expires_at.into(),
            ended_at: row.revoked_at.map(Timestamp::from),
            ended_for: row.revoked_for,
        });
        Ok(sessions.collect())
    }

    /// The public keys of a user's devices.
    pub async fn list_public_keys(&self, user: UserId) -> Result<Vec<ExportedKeys>, StoreError> {
        let rows: Vec<KeysRow> = self.fetch_all(&LIST_KEYS, &[("user", user.as_uuid())]).await?;
        let keys = rows.into_iter().map(|row| ExportedKeys {
            device: DeviceId::from_uuid(row.device_id),
            signal_device: row.signal_device_id,
            registration: row.registration_id,
            identity_key: row.identity_key,
            signed_prekey: row.signed_prekey,
            last_resort: row.last_resort,
            unused_prekeys: row.unused_prekeys,
            unused_kyber_prekeys: row.unused_kyber_prekeys,
        });
        Ok(keys.collect())
    }
}
