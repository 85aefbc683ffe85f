//! Repeated requests of one client. A shipped client goes on with the id of its first request, and
//! enters the code of its last: with `LEGACY_CLIENTS`, earlier verifications accept a later code.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use std::sync::LazyLock;

use super::record::{constants, key};
use crate::cache::error::CacheError;
use crate::cache::outcome::status;
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, READ_HASH};
use crate::limits::check::hash_tag;
use crate::sender::Receipt;

static REMEMBER: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("remember_request", &[&constants(), include_str!("remember_request.lua")])
});
static ACCEPT: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("accept_later_code", &[READ_HASH, include_str!("accept_code.lua")])
});

impl Cache {
    /// Remembers a request. Returns the verifications that this client (a digest of number,
    /// purpose, device and address) requested before, within the life of a record.
    pub async fn remember_request(
        &self,
        client: &str,
        id: &VerificationId,
        now: Timestamp,
    ) -> Result<Vec<VerificationId>, CacheError> {
        let Some(slot) = id.phone_slot() else { return Ok(Vec::new()) };
        let key = format!("verification_repeats:{}:{client}", hash_tag(slot));
        let call = REMEMBER.call(now).keys([key]).arg(id.to_string());
        let mut reply = self.run(call).await?;
        status(&mut reply, &[], &self.metrics)?;
        let ids: Vec<String> = reply.next("a list of verifications")?;
        let parse = |id: &String| id.parse().ok().map(VerificationId::from_uuid);
        ids.iter().map(parse).collect::<Option<_>>().ok_or_else(|| reply.unexpected("an id"))
    }

    /// Lets earlier verifications accept the code of a later one. `earlier` has the digest of the
    /// code in each, under this pepper; one under another pepper does not accept it. The receipt is
    /// what the sender gave for the code.
    pub async fn accept_later_code(
        &self,
        later: &VerificationId,
        pepper: &str,
        receipt: Option<&Receipt>,
        earlier: &[(VerificationId, String)],
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let ids = std::iter::once(later).chain(earlier.iter().map(|(id, _)| id));
        let call = ACCEPT.call(now).keys(ids.filter_map(key)).arg(pepper);
        let call = call.arg(receipt.map(Receipt::to_string).unwrap_or_default());
        let call = earlier.iter().fold(call, |call, (_, code_mac)| call.arg(code_mac));
        let mut reply = self.run(call).await?;
        status(&mut reply, &[], &self.metrics).map(drop)
    }
}
