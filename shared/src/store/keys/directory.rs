//! What the directory says without handing anything out: device lists and published keys.

use domain::ids::{DeviceId, UserId};
use domain::prekey::devices::DirectoryDevice;
use domain::prekey::{
    IdentityKey, KeyId, KyberKey, PublicKey, RegistrationId, SIGNED_PREKEY_GRACE, SignalDeviceId,
};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A device as the directory lists it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRow {
    pub device: DeviceId,
    pub listed: DirectoryDevice,
    /// Whether senders get its bundle: its signed prekey is not past its grace.
    pub has_bundle: bool,
}

/// The devices of a user that have keys.
#[derive(Debug)]
pub struct DeviceList {
    pub version: i64,
    pub devices: Vec<DeviceRow>,
}

/// The lasting keys of a device, as a client compares them with its own.
#[derive(Debug)]
pub struct PublishedKeys {
    pub identity: PublicKey,
    pub signed: Option<(KeyId, PublicKey)>,
    pub last_resort: Option<(KeyId, KyberKey)>,
}

static FIND_IDENTITY_KEY: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_identity_key",
        "SELECT public_key FROM auth.identity_keys WHERE device_id = :device",
        [("device", Type::UUID)],
    )
});

row_struct! {
    struct IdentityRow { public_key: String }
}

static FIND_DEVICE_LIST: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_device_list",
        "SELECT u.device_list_version, i.device_id, d.signal_device_id, i.registration_id,
                EXISTS (SELECT FROM auth.signed_prekeys s
                         WHERE s.device_id = i.device_id AND s.expires_at > :dead_before)
                  AS has_bundle
           FROM auth.users_auth u
           LEFT JOIN (auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id)
             ON i.user_id = u.id
          WHERE u.id = :user ORDER BY d.signal_device_id",
        [("user", Type::UUID), ("dead_before", Type::TIMESTAMPTZ)],
    )
});

row_struct! {
    struct ListedRow {
        device_list_version: i64,
        device_id: Option<Uuid>,
        signal_device_id: Option<i16>,
        registration_id: Option<i32>,
        has_bundle: bool,
    }
}

static FIND_PUBLISHED_KEYS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_published_keys",
        "SELECT i.public_key AS identity_key, s.key_id AS signed_id, s.public_key AS signed_key,
                k.key_id AS last_resort_id, k.public_key AS last_resort_key
           FROM auth.identity_keys i
           LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
           LEFT JOIN auth.kyber_last_resort_prekeys k ON k.device_id = i.device_id
          WHERE i.device_id = :device",
        [("device", Type::UUID)],
    )
});

row_struct! {
    struct PublishedRow {
        identity_key: String,
        signed_id: Option<i32>,
        signed_key: Option<String>,
        last_resort_id: Option<i32>,
        last_resort_key: Option<Vec<u8>>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&FIND_IDENTITY_KEY, &FIND_DEVICE_LIST, &FIND_PUBLISHED_KEYS];

impl Store {
    /// The identity key of a device, to check signatures with.
    pub async fn find_identity_key(
        &self,
        device: DeviceId,
    ) -> Result<Option<IdentityKey>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("device", device.as_uuid())];
        let row: Option<IdentityRow> = self.fetch_optional(&FIND_IDENTITY_KEY, parameters).await?;
        let key = row.map(|row| public_key(row.public_key, &FIND_IDENTITY_KEY)).transpose()?;
        Ok(key.map(IdentityKey::from))
    }

    /// The devices of a user that have keys; `None` if there is no such user.
    pub async fn find_device_list(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<DeviceList>, StoreError> {
        let dead_before = SystemTime::from(now - SIGNED_PREKEY_GRACE);
        let parameters: &[Parameter<'_>] =
            &[("user", user.as_uuid()), ("dead_before", &dead_before)];
        let rows: Vec<ListedRow> = self.fetch_all(&FIND_DEVICE_LIST, parameters).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut list = DeviceList { version: first.device_list_version, devices: Vec::new() };
        for row in rows {
            let Some(device) = row.device_id else { continue };
            let Some(number) = row.signal_device_id else {
                return Err(FIND_DEVICE_LIST.unexpected("signal_device_id"));
            };
            list.devices.push(DeviceRow {
                device: DeviceId::from_uuid(device),
                listed: DirectoryDevice {
                    id: SignalDeviceId::from_stored(number),
                    registration: row.registration_id.map(RegistrationId::from_stored),
                },
                has_bundle: row.has_bundle,
            });
        }
        Ok(Some(list))
    }

    /// The lasting keys of a device.
    pub async fn find_published_keys(
        &self,
        device: DeviceId,
    ) -> Result<Option<PublishedKeys>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("device", device.as_uuid())];
        let row: Option<PublishedRow> =
            self.fetch_optional(&FIND_PUBLISHED_KEYS, parameters).await?;
        let Some(row) = row else { return Ok(None) };
        let signed = match row.signed_id.zip(row.signed_key) {
            Some((id, key)) => {
                Some((KeyId::from_stored(id), public_key(key, &FIND_PUBLISHED_KEYS)?))
            }
            None => None,
        };
        let last_resort = row.last_resort_id.zip(row.last_resort_key);
        Ok(Some(PublishedKeys {
            identity: public_key(row.identity_key, &FIND_PUBLISHED_KEYS)?,
            signed,
            last_resort: last_resort
                .map(|(id, key)| (KeyId::from_stored(id), KyberKey::from_stored(key))),
        }))
    }
}

/// A stored key was checked when it came.
fn public_key(text: String, statement: &Statement) -> Result<PublicKey, StoreError> {
    PublicKey::parse(text).map_err(|_| statement.unexpected("a public key"))
}
