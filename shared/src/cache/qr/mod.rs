//! `qr_challenge:{id}` and `qr_link:{id}`: a QR log-in from the code that one device shows to the
//! session of the other. One hash each, so that each script has one key. Of secrets and codes the
//! record holds digests. Who may decide what is checked before a script is called; each script
//! changes the state only from the state that it expects.
//!
//! | script | from | to |
//! |---|---|---|
//! | `start.lua` | | shown (challenge), scanned (link) |
//! | `scan.lua` | shown | scanned |
//! | `prove.lua` | scanned | scanned, with the proof of possession |
//! | `decide.lua` | scanned | approved |
//! | `decide.lua` | any that is not delivered | denied |
//! | `begin_delivery.lua` | approved | approved, and bound to a key |
//! | `end_delivery.lua` | approved | delivered |

mod record;

use domain::ids::{CallId, DeviceId, QrLoginId, SessionId, UserId};
use domain::principal::Principal;
use domain::qr::REPEAT_PERIOD;
use domain::time::{Timestamp, millis_of};
use std::sync::LazyLock;

use record::{FIELDS, FIND, parse, text};
pub use record::{NewDevice, Newcomer, QrKind, QrLogin, QrState};

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::{LuaScript, READ_HASH, ScriptCall};
use crate::store::access::Approval;

static START: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("start_qr_login", &[include_str!("start.lua")]));
static SCAN: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("scan_qr_challenge", &[READ_HASH, include_str!("scan.lua")]));
static PROVE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("prove_qr_link", &[READ_HASH, include_str!("prove.lua")]));
static DECIDE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("decide_qr_login", &[READ_HASH, include_str!("decide.lua")]));
static BEGIN_DELIVERY: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [READ_HASH, include_str!("begin_delivery.lua")];
    LuaScript::new("begin_qr_delivery", &files)
});
static END_DELIVERY: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("end_qr_delivery", &[include_str!("end_delivery.lua")]));

/// What a user decides about a device that waits.
#[derive(Debug)]
pub enum QrDecision<'a> {
    /// With the id of the session that is to be made.
    Approve(&'a Approval, SessionId),
    Deny,
}

/// What an approved device is logged in with.
#[derive(Debug)]
pub struct QrDelivery {
    /// The thumbprint of the key that the tokens are bound to, if they are.
    pub jkt: Option<String>,
    /// The bundle as JSON, unless the session is made and they are stored.
    pub keys: Option<String>,
}

impl Cache {
    /// Starts a QR log-in that a logged-in device shows.
    pub async fn start_qr_challenge(
        &self,
        id: &QrLoginId,
        shown_by: Principal,
        challenge: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let fields = vec![
            ("state", QrState::Shown.as_str().to_owned()),
            ("user", shown_by.user.to_string()),
            ("device", shown_by.device.to_string()),
            ("challenge", text(challenge)),
        ];
        self.start(QrKind::Challenge, id, fields, now).await
    }

    /// Starts a QR log-in that a new device shows.
    pub async fn start_qr_link(
        &self,
        id: &QrLoginId,
        newcomer: &Newcomer,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let mut fields = newcomer.fields()?;
        fields.push(("state", QrState::Scanned.as_str().to_owned()));
        self.start(QrKind::Link, id, fields, now).await
    }

    async fn start(
        &self,
        kind: QrKind,
        id: &QrLoginId,
        mut fields: Vec<(&'static str, String)>,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        fields.push(("expires_at", (now + kind.ttl()).millis().to_string()));
        let call = START.call(now).keys([kind.key(id)]).arg(millis_of(kind.ttl()));
        self.run(with_fields(call, &fields)).await.map(drop)
    }

    /// Reads a QR log-in; none if there is none, or it has expired.
    pub async fn find_qr_login(
        &self,
        kind: QrKind,
        id: &QrLoginId,
        now: Timestamp,
    ) -> Result<Option<QrLogin>, CacheError> {
        let mut read = redis::cmd("HMGET");
        read.arg(kind.key(id)).arg(&FIELDS);
        let found = parse(self.send_with_metrics(FIND, now, read).await?)?;
        Ok(found.filter(|login| login.expires_at > now))
    }

    /// The bundle that a link brought, as JSON.
    pub async fn find_qr_link_keys(
        &self,
        id: &QrLoginId,
        now: Timestamp,
    ) -> Result<Option<String>, CacheError> {
        let mut read = redis::cmd("HGET");
        read.arg(QrKind::Link.key(id)).arg("keys");
        let value = self.send_with_metrics("find_qr_link_keys", now, read).await?;
        redis::from_redis_value(value).map_err(|_| record::unexpected("a bundle"))
    }

    /// Takes a challenge for a new device. False if another has taken it, or it has ended.
    pub async fn scan_qr_challenge(
        &self,
        id: &QrLoginId,
        newcomer: &Newcomer,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        let script = SCAN.call(now).keys([QrKind::Challenge.key(id)]).arg(call.to_string());
        self.is(with_fields(script, &newcomer.fields()?), "scanned").await
    }

    /// Keeps the proof of possession of a link. False if it has ended.
    pub async fn prove_qr_link(
        &self,
        id: &QrLoginId,
        proof: &str,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        self.is(PROVE.call(now).keys([QrKind::Link.key(id)]).arg(proof), "proven").await
    }

    /// Approves or denies. False if that is decided, or there is nothing to decide any more.
    pub async fn decide_qr_login(
        &self,
        (kind, id): (QrKind, &QrLoginId),
        (user, device): (UserId, DeviceId),
        decision: &QrDecision<'_>,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        let script = DECIDE.call(now).keys([kind.key(id)]).arg(call.to_string());
        let of = |script: ScriptCall<'static>, verdict: &str| {
            script.arg(verdict).arg(user.to_string()).arg(device.to_string())
        };
        let script = match decision {
            QrDecision::Approve(approval, session) => {
                let fields = [
                    ("user", user.to_string()),
                    ("device", device.to_string()),
                    ("approver_session", approval.approver.session.to_string()),
                    ("second_factor", approval.second_factor.clone()),
                    ("session", session.to_string()),
                ];
                with_fields(of(script, "approve"), &fields)
            }
            QrDecision::Deny => of(script, "deny"),
        };
        self.is(script, "decided").await
    }

    /// What the session of an approved device is made of; none if it is not approved any more.
    pub async fn begin_qr_delivery(
        &self,
        (kind, id): (QrKind, &QrLoginId),
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<QrDelivery>, CacheError> {
        let call = BEGIN_DELIVERY
            .call(now)
            .keys([kind.key(id)])
            .arg(jkt.unwrap_or_default())
            .arg(millis_of(REPEAT_PERIOD));
        let mut reply = self.run(call).await?;
        let status: String = reply.next("a status")?;
        if status != "approved" {
            return Ok(None);
        }
        let (jkt, keys): (String, String) = (reply.next("a thumbprint")?, reply.next("a bundle")?);
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Some(QrDelivery { jkt: some(jkt), keys: some(keys) }))
    }

    /// The session is made.
    pub async fn end_qr_delivery(
        &self,
        kind: QrKind,
        id: &QrLoginId,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        self.run(END_DELIVERY.call(now).keys([kind.key(id)])).await.map(drop)
    }

    /// Whether a script answers with this status.
    async fn is(&self, call: ScriptCall<'_>, expected: &str) -> Result<bool, CacheError> {
        let status: String = self.run(call).await?.next("a status")?;
        Ok(status == expected)
    }
}

fn with_fields<'s>(call: ScriptCall<'s>, fields: &[(&'static str, String)]) -> ScriptCall<'s> {
    fields.iter().fold(call, |call, (name, value)| call.arg(*name).arg(value))
}
