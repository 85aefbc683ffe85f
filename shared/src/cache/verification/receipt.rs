//! Keeps what the sender of a code gave, so that a right code can be reported to it.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use std::sync::LazyLock;

use super::record::key;
use crate::cache::error::CacheError;
use crate::cache::outcome::status;
use crate::cache::round_trip::Cache;
use crate::cache::script::LuaScript;
use crate::sender::Receipt;

static KEEP: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("keep_receipt", &[include_str!("keep_receipt.lua")]));

impl Cache {
    /// Keeps the receipt of the code with this digest, unless a later code has replaced it.
    pub async fn keep_receipt(
        &self,
        id: &VerificationId,
        code_mac: &str,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let Some(record) = key(id) else { return Ok(()) };
        let call = KEEP.call(now).keys([record]).arg(code_mac).arg(receipt.to_string());
        let mut reply = self.run(call).await?;
        status(&mut reply, &[], &self.metrics).map(drop)
    }
}
