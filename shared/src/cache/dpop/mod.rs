//! `dpop:{jkt}:{jti}`: the proofs of possession that were seen. Each is accepted once, for as long
//! as its time would let it pass.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::CallId;
use domain::time::{Timestamp, millis_of};
use std::sync::LazyLock;

use super::error::CacheError;
use super::outcome::status;
use super::round_trip::Cache;
use super::script::LuaScript;
use crate::limits::check::hash_tag;
use crate::tokens::dpop::{DpopProof, REPLAY_WINDOW};

static REMEMBER: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("remember_dpop_proof", &[include_str!("remember.lua")]));

impl Cache {
    /// Remembers a proof. False if another call has shown it.
    pub async fn remember_dpop_proof(
        &self,
        proof: &DpopProof,
        call: CallId,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        // The client chose it: of bounded length and without separators as a digest.
        let jti = BASE64.encode(&digest(&SHA256, proof.jti.as_bytes()).as_ref()[..18]);
        let call = REMEMBER
            .call(now)
            .keys([format!("dpop:{}:{jti}", hash_tag(&proof.jkt))])
            .arg(call.to_string())
            .arg(millis_of(REPLAY_WINDOW));
        let mut reply = self.run(call).await?;
        Ok(status(&mut reply, &[], &self.metrics)? == "new")
    }
}
