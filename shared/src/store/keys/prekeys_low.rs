//! `prekeys.low`: the outbox event that tells a device to upload one-time keys.

use domain::prekey::LOW_PREKEY_COUNT;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::{EC, KYBER, OneTimeKeyKind};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// Emits the event for each device that runs low, once for as often as enough was uploaded.
/// Never waits for a lock: who holds the row of a device is uploading, or emits the same.
/// What was counted must be of the row as it still is (`xmin`).
static EMIT_PREKEYS_LOW: LazyStatement = LazyStatement::new(|| {
    let left = |OneTimeKeyKind { table, .. }: OneTimeKeyKind| {
        format!(
            "(SELECT count(*) FROM (
                SELECT FROM auth.{table} k WHERE k.device_id = i.device_id AND NOT k.is_used
                 LIMIT {LOW_PREKEY_COUNT}) k) AS {table}"
        )
    };
    let sql = format!(
        "WITH counted AS MATERIALIZED (
           SELECT i.device_id, i.xmin AS version, {curve}, {kyber}
             FROM auth.identity_keys i WHERE i.device_id = ANY (:devices)),
         crossed AS MATERIALIZED (
           SELECT c.* FROM counted c CROSS JOIN LATERAL (
             SELECT FROM auth.identity_keys i
              WHERE i.device_id = c.device_id AND i.xmin = c.version
                AND (i.prekeys_ample AND c.prekeys < {LOW_PREKEY_COUNT}
                     OR i.kyber_prekeys_ample AND c.kyber_prekeys < {LOW_PREKEY_COUNT})
                FOR NO KEY UPDATE SKIP LOCKED) l),
         low AS (
           UPDATE auth.identity_keys i SET
             prekeys_ample = i.prekeys_ample AND c.prekeys >= {LOW_PREKEY_COUNT},
             kyber_prekeys_ample = i.kyber_prekeys_ample AND c.kyber_prekeys >= {LOW_PREKEY_COUNT}
             FROM crossed c WHERE i.device_id = c.device_id
           RETURNING i.user_id, i.device_id, c.prekeys, c.kyber_prekeys)
         INSERT INTO auth.outbox (user_id, topic, payload, created_at)
         SELECT user_id, 'prekeys.low', jsonb_build_object('userId', user_id,
                'deviceId', device_id, 'availablePreKeys', prekeys,
                'availableKyberPreKeys', kyber_prekeys, 'timestamp', :timestamp::int8), :now
           FROM low
         RETURNING 1 AS emitted",
        curve = left(EC),
        kyber = left(KYBER),
    );
    let types =
        [("devices", Type::UUID_ARRAY), ("now", Type::TIMESTAMPTZ), ("timestamp", Type::INT8)];
    Statement::new("emit_prekeys_low", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&EMIT_PREKEYS_LOW];

impl Store {
    pub(super) async fn emit_prekeys_low(
        &self,
        devices: &[Uuid],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("devices", &devices), ("now", &SystemTime::from(now)), ("timestamp", &now.millis())];
        self.execute(&EMIT_PREKEYS_LOW, parameters).await
    }
}
