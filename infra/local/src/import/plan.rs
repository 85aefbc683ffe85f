//! One account of the first auth-service: which of its rows are taken over, and in which form. What is
//! left out is named with its reason, by id and never by value. And whether an account that is here
//! already has the same number and second factor.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::hex::hex;
use domain::phone::PhoneNumber;
use domain::prekey::{
    IdentityKey, KeyId, Prekey, PublicKey, Signature, SignatureVerifier, SignedPrekey,
    decode_base64,
};
use domain::time::Timestamp;
use domain::{ids::UserId, second_factor::IMPORTED_CODE};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Value, json};
use shared::clock::Rng;
use shared::crypto::{CryptoError, DataKeySet};
use shared::second_factor::totp::MIN_SECRET_BYTES;
use shared::store::import::prekey_page;
use shared::store::second_factor::{SecondFactorState, StoredBackupCode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::source::AccountRows;

/// One-time keys of a device that are taken over, as many as an upload may have.
const MAX_PREKEYS: usize = 200;
/// Numbers of devices in Signal's addresses.
const MAX_SIGNAL_DEVICE_ID: usize = 127;
/// Codes of a set, at most: each has a selector, which is its place.
const MAX_CODES: usize = 20;
const TYPES: [&str; 4] = ["ios", "android", "web", "desktop"];

/// A row that is not taken over, or not as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub table: &'static str,
    pub id: String,
    pub why: &'static str,
}

impl LeftOut {
    #[must_use]
    pub fn new(table: &'static str, id: impl Into<String>, why: &'static str) -> Self {
        Self { table, id: id.into(), why }
    }
}

/// An account as `Store::import_account` takes it.
#[derive(Debug)]
pub struct Planned {
    pub document: Value,
    pub created_at: Timestamp,
    pub identities: i64,
    phone: PhoneNumber,
    /// Of an enabled second factor.
    secret: Option<SecretSlice<u8>>,
    code_hashes: Vec<String>,
}

impl Planned {
    /// Whether the account here has this number and this second factor. A backup code that is gone in
    /// the first service makes another one: here it would still be taken.
    pub fn is_same_as(
        &self,
        here: &SecondFactorState,
        keys: &DataKeySet,
    ) -> Result<bool, CryptoError> {
        let stored = here.secret.as_ref().filter(|_| here.enabled);
        let secret = stored.map(|stored| keys.decrypt(here.user, stored)).transpose()?;
        let is_gone = |code: &StoredBackupCode| {
            !code.used && code.pepper == IMPORTED_CODE && !self.code_hashes.contains(&code.hash)
        };
        Ok(here.phone.as_ref() == Some(&self.phone)
            && secret.as_ref().map(ExposeSecret::expose_secret)
                == self.secret.as_ref().map(ExposeSecret::expose_secret)
            && !here.backup_codes.iter().any(is_gone))
    }
}

/// The account, or none if it cannot be taken over.
pub fn plan(
    rows: &AccountRows,
    keys: &DataKeySet,
    now: Timestamp,
    left_out: &mut Vec<LeftOut>,
) -> Option<Planned> {
    let account = &rows.account;
    let mut leave = |table: &'static str, row: &Value, why: &'static str| {
        left_out.push(LeftOut::new(table, text_id(row), why));
    };
    let Ok(phone) = PhoneNumber::parse(text(account, "phone_number").unwrap_or_default()) else {
        leave("users_auth", account, "the number is not valid");
        return None;
    };
    let created_at = at(account, "created_at").unwrap_or_else(|| rfc3339(now));
    let enabled = flag(account, "two_factor_enabled");
    let secret = text(account, "two_factor_secret").filter(|_| enabled).and_then(base32);
    let secret: Option<SecretSlice<u8>> =
        secret.filter(|plain| plain.len() >= MIN_SECRET_BYTES).map(SecretSlice::from);
    let user = UserId::from_uuid(rows.id);
    let stored = secret
        .as_ref()
        .and_then(|plain| keys.encrypt(user, plain.expose_secret(), Rng).ok())
        .map(|stored| hex(&stored));
    if enabled && stored.is_none() {
        // Without its second factor it would be open to whoever has the number.
        leave(
            "users_auth",
            account,
            "the secret of the second factor is not base 32, or shorter than 80 bits",
        );
        return None;
    }
    let codes = if enabled { codes(rows, &mut leave) } else { Vec::new() };
    let devices = devices(rows, &created_at, &mut leave);
    let known: HashSet<&str> = devices.iter().filter_map(|device| text(device, "id")).collect();
    let (identities, verifiers) = identities(rows, &known, &created_at, &mut leave);
    let with_keys: HashSet<&str> = verifiers.keys().copied().collect();
    let signed = signed(rows, &with_keys, &verifiers, &mut leave);
    let (pages, used) = prekeys(rows, &with_keys, &created_at, &mut leave);
    let logins = logins(rows, &mut leave);
    let numbered = numbered(devices, &with_keys, &mut leave);
    let identities_count = i64::try_from(identities.len()).unwrap_or(i64::MAX);
    let document = json!({
        "phone": phone.as_e164(),
        "secret": stored,
        "two_factor": enabled,
        "authenticated_at": at(account, "last_authenticated_at").unwrap_or_else(|| created_at.clone()),
        "created_at": created_at,
        "updated_at": at(account, "updated_at").unwrap_or_else(|| created_at.clone()),
        "devices": numbered, "identities": identities, "signed": signed, "pages": pages,
        "used": used, "codes": codes, "logins": logins,
    });
    let created_at = OffsetDateTime::parse(&created_at, &Rfc3339).ok();
    let created_at = created_at.map_or(now, |at| Timestamp::from(std::time::SystemTime::from(at)));
    let hash = |code: &Value| text(code, "code_hash").map(str::to_owned);
    let code_hashes = codes.iter().filter_map(hash).collect();
    Some(Planned { document, created_at, identities: identities_count, phone, secret, code_hashes })
}

/// How a row is left out: its table, itself, and why.
type Leave<'l> = dyn FnMut(&'static str, &Value, &'static str) + 'l;

/// Of two with the same fingerprint the one that was active last.
fn devices(rows: &AccountRows, created_at: &str, leave: &mut Leave<'_>) -> Vec<Value> {
    let mut chosen: BTreeMap<String, &Value> = BTreeMap::new();
    for row in rows.of("devices") {
        let (Some(_), Some(fingerprint)) = (id(row, "id"), text(row, "device_fingerprint")) else {
            leave("devices", row, "it has no id or fingerprint");
            continue;
        };
        let before = chosen.entry(fingerprint.to_owned()).or_insert(row);
        if std::ptr::eq(*before, row) {
            continue;
        }
        let older = if at(before, "last_active") < at(row, "last_active") {
            std::mem::replace(before, row)
        } else {
            row
        };
        leave("devices", older, "another device of the user has its fingerprint");
    }
    let mut devices = Vec::new();
    for (fingerprint, row) in chosen {
        let kind = text(row, "device_type").map(str::to_ascii_lowercase).unwrap_or_default();
        let is_known = TYPES.contains(&&*kind);
        if !is_known {
            leave("devices", row, "its type is not known: taken over as web");
        }
        let created = at(row, "created_at").unwrap_or_else(|| created_at.to_owned());
        let cut = |name, length| {
            text(row, name).map(|text| text.chars().take(length).collect::<String>())
        };
        devices.push(json!({
            "id": row["id"],
            "fingerprint": fingerprint,
            "name": cut("device_name", 100).unwrap_or_else(|| "Unknown device".to_owned()),
            "kind": if is_known { &*kind } else { "web" },
            "model": cut("model", 100),
            "os_version": cut("os_version", 50),
            "app_version": cut("app_version", 20),
            "fcm_token": cut("fcm_token", 4096),
            "apns_token": cut("apns_token", 4096),
            "public_key": text(row, "public_key").and_then(|key| decode_base64(key).ok()).map(|k| hex(&k)),
            "is_verified": flag(row, "is_verified"),
            "is_active": row["is_active"].as_bool().unwrap_or(true),
            "last_active": at(row, "last_active").unwrap_or_else(|| created.clone()),
            "updated_at": at(row, "updated_at").unwrap_or_else(|| created.clone()),
            "created_at": created,
        }));
    }
    devices
}

/// Devices with keys get numbers, the oldest first.
fn numbered(
    mut devices: Vec<Value>,
    with_keys: &HashSet<&str>,
    leave: &mut Leave<'_>,
) -> Vec<Value> {
    devices.sort_by_key(|device| text(device, "created_at").unwrap_or_default().to_owned());
    let mut next = 1;
    for device in &mut devices {
        if !text(device, "id").is_some_and(|id| with_keys.contains(id)) {
            continue;
        }
        if next > MAX_SIGNAL_DEVICE_ID {
            leave("devices", device, "no number is left for it: taken over without one");
            continue;
        }
        device["signal_device_id"] = next.into();
        next += 1;
    }
    devices
}

/// What checks the signatures of each device that has an identity key.
type Verifiers<'r> = HashMap<&'r str, SignatureVerifier>;

/// The newest of each device.
fn identities<'r>(
    rows: &'r AccountRows,
    devices: &HashSet<&str>,
    created_at: &str,
    leave: &mut Leave<'_>,
) -> (Vec<Value>, Verifiers<'r>) {
    let (mut taken, mut verifiers, mut keys) = (Vec::new(), HashMap::new(), HashSet::new());
    for row in rows.of("identity_keys").iter().rev() {
        let Some(device) = of_device("identity_keys", row, devices, leave) else { continue };
        let Ok(key) = IdentityKey::parse(text(row, "public_key").unwrap_or_default().to_owned())
        else {
            leave("identity_keys", row, "it is no key of Curve25519");
            continue;
        };
        if verifiers.contains_key(device) || !keys.insert(key.public().as_bytes().to_vec()) {
            leave("identity_keys", row, "a newer row has this device or this key");
            continue;
        }
        verifiers.insert(device, key.verifier());
        let created = at(row, "created_at").unwrap_or_else(|| created_at.to_owned());
        let private = text(row, "private_key_encrypted").and_then(|key| decode_base64(key).ok());
        taken.push(json!({
            "device_id": device, "id": row["id"], "public_key": key.public().as_str(),
            "identity": hex(key.public().as_bytes()), "private_key": private.map(|key| hex(&key)),
            "updated_at": at(row, "updated_at").unwrap_or_else(|| created.clone()),
            "created_at": created,
        }));
    }
    (taken, verifiers)
}

/// The newest of each device that its identity key has signed. The first service checked no signature:
/// whoever could write there could have put a key of their own into the directory.
fn signed(
    rows: &AccountRows,
    devices: &HashSet<&str>,
    verifiers: &Verifiers<'_>,
    leave: &mut Leave<'_>,
) -> Vec<Value> {
    let (mut taken, mut seen) = (Vec::new(), HashSet::new());
    for row in rows.of("signed_prekeys").iter().rev() {
        let Some(device) = of_device("signed_prekeys", row, devices, leave) else { continue };
        let key = PublicKey::parse(text(row, "public_key").unwrap_or_default().to_owned());
        let signature = Signature::parse(text(row, "signature").unwrap_or_default().to_owned());
        let times = at(row, "created_at").zip(at(row, "expires_at"));
        let (Ok(key), Ok(signature), Some(id), Some((created, expires))) =
            (key, signature, key_id(row), times)
        else {
            leave("signed_prekeys", row, "key, signature, id or time is not valid");
            continue;
        };
        let prekey = SignedPrekey { id, key, signature };
        if !verifiers.get(device).is_some_and(|identity| prekey.is_signed_by(identity)) {
            leave("signed_prekeys", row, "the identity key of its device has not signed it");
            continue;
        }
        if !seen.insert(device) {
            leave("signed_prekeys", row, "the device has a newer one");
            continue;
        }
        taken.push(json!({
            "device_id": device, "id": row["id"], "key_id": id.get(),
            "public_key": prekey.key.as_str(), "signature": prekey.signature.as_str(),
            "expires_at": expires, "created_at": created,
        }));
    }
    taken
}

/// Unused keys make a page for each device, in the order of their upload. Hashes of used ones are kept.
fn prekeys(
    rows: &AccountRows,
    devices: &HashSet<&str>,
    created_at: &str,
    leave: &mut Leave<'_>,
) -> (Vec<Value>, Vec<String>) {
    let is_used = |row: &Value| flag(row, "is_used") || row["is_one_time"].as_bool() == Some(false);
    let parse =
        |row: &Value| PublicKey::parse(text(row, "public_key").unwrap_or_default().to_owned());
    let mut used = HashSet::new();
    let (spent, unused): (Vec<&Value>, Vec<&Value>) =
        rows.of("prekeys").iter().partition(|row| is_used(row));
    for row in spent {
        match parse(row) {
            Ok(key) => drop(used.insert(key.hash())),
            Err(_) => leave("prekeys", row, "it is no key of Curve25519"),
        }
    }
    let mut pages: BTreeMap<&str, (Vec<Prekey>, String)> = BTreeMap::new();
    let (mut hashes, mut ids) = (used.clone(), HashSet::new());
    for row in unused {
        let Some(device) = of_device("prekeys", row, devices, leave) else { continue };
        let (Ok(key), Some(id)) = (parse(row), key_id(row)) else {
            leave("prekeys", row, "key or id is not valid");
            continue;
        };
        let arrived = at(row, "created_at").unwrap_or_else(|| created_at.to_owned());
        let (page, newest) = pages.entry(device).or_insert_with(|| (Vec::new(), arrived.clone()));
        if page.len() >= MAX_PREKEYS {
            leave("prekeys", row, "the device has 200 older ones");
        } else if !hashes.insert(key.hash()) || !ids.insert((device, id.get())) {
            leave("prekeys", row, "the key was used, or key or id is there twice");
        } else {
            page.push(Prekey { id, key });
            *newest = arrived;
        }
    }
    let pages = pages.into_iter().filter(|(_, (keys, _))| !keys.is_empty());
    let pages = pages.map(|(device, (keys, arrived))| {
        let (hashes, stored, width) = prekey_page(&keys);
        json!({
            "device_id": device, "count": keys.len(), "width": width, "arrived_at": arrived,
            "hashes": hex(&hashes), "keys": hex(&stored),
        })
    });
    (pages.collect(), used.iter().map(|hash| hex(hash)).collect())
}

/// Their hashes stay: bcrypt of the code as it is shown, without a pepper.
fn codes(rows: &AccountRows, leave: &mut Leave<'_>) -> Vec<Value> {
    let mut taken = Vec::new();
    for row in rows.of("backup_codes") {
        let hash = text(row, "code_hash").filter(|hash| hash.len() == 60 && hash.starts_with("$2"));
        let (Some(hash), Some(created)) = (hash, at(row, "created_at")) else {
            leave("backup_codes", row, "its hash is not bcrypt");
            continue;
        };
        if flag(row, "used") {
            continue;
        }
        if taken.len() >= MAX_CODES {
            leave("backup_codes", row, "the user has 20 older ones");
            continue;
        }
        taken.push(json!({
            "id": row["id"], "selector": taken.len(), "code_hash": hash, "pepper": IMPORTED_CODE,
            "used": false, "created_at": created,
        }));
    }
    taken
}

fn logins(rows: &AccountRows, leave: &mut Leave<'_>) -> Vec<Value> {
    let mut taken = Vec::new();
    for row in rows.of("login_history") {
        let status = text(row, "status").map(str::to_ascii_lowercase);
        let status = status.filter(|status| ["success", "failed"].contains(&&**status));
        let (Some(status), Some(created)) = (status, at(row, "created_at")) else {
            leave("login_history", row, "its status or its time is not known");
            continue;
        };
        taken.push(json!({
            "id": row["id"], "device_id": id(row, "device_id"), "status": status, "created_at": created,
            "ip_address": text(row, "ip_address").unwrap_or_default(),
        }));
    }
    taken
}

/// The device of a row, if it is taken over.
fn of_device<'r>(
    table: &'static str,
    row: &'r Value,
    devices: &HashSet<&str>,
    leave: &mut Leave<'_>,
) -> Option<&'r str> {
    let device = text(row, "device_id").filter(|device| devices.contains(device));
    if device.is_none() {
        leave(table, row, "its device, or the identity key of that, is not taken over");
    }
    device
}

fn text<'r>(row: &'r Value, name: &str) -> Option<&'r str> {
    row[name].as_str().filter(|text| !text.is_empty())
}

fn text_id(row: &Value) -> String {
    text(row, "id").unwrap_or("(no id)").to_owned()
}

fn id(row: &Value, name: &str) -> Option<Uuid> {
    Uuid::try_parse(text(row, name)?).ok()
}

fn flag(row: &Value, name: &str) -> bool {
    row[name].as_bool().unwrap_or_default()
}

fn key_id(row: &Value) -> Option<KeyId> {
    let id = row["key_id"].as_i64().or_else(|| text(row, "key_id")?.parse().ok())?;
    KeyId::new(id).ok()
}

/// A time, which is UTC where no zone stands.
fn at(row: &Value, name: &str) -> Option<String> {
    let text = text(row, name)?;
    let parsed = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339));
    parsed.ok()?.format(&Rfc3339).ok()
}

fn rfc3339(at: Timestamp) -> String {
    let at = OffsetDateTime::from(std::time::SystemTime::from(at));
    at.format(&Rfc3339).unwrap_or_default()
}

/// RFC 4648, with or without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut length) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes().filter(|byte| *byte != b' ') {
        let value = match letter.to_ascii_uppercase() {
            upper @ b'A'..=b'Z' => upper - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        length += 5;
        if length >= 8 {
            length -= 8;
            bytes.push(u8::try_from(bits >> length & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}
