//! The two kinds of one-time keys, treated alike: a [`OneTimeKeyKind`] is a table and its
//! columns, and gives the SQL fragments over it.

use domain::prekey::LOW_PREKEY_COUNT;
use tokio_postgres::types::Type;

/// A kind of one-time key: its table, and what of it is specific.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneTimeKeyKind {
    pub(super) table: &'static str,
    /// The lists that an upload binds, as long as each other: row ids, hashes, key ids; then
    /// one for each of `columns`.
    pub(super) rows: &'static str,
    pub(super) hashes: &'static str,
    pub(super) ids: &'static str,
    columns: &'static [Column],
}

/// What a row holds besides its key id, and loses when it is handed out.
#[derive(Clone, Copy, Debug)]
struct Column {
    name: &'static str,
    kind: &'static str,
    list: &'static str,
}

pub(super) const EC: OneTimeKeyKind = OneTimeKeyKind {
    table: "prekeys",
    rows: "ec_rows",
    hashes: "ec_hashes",
    ids: "ec_ids",
    columns: &[Column { name: "public_key", kind: "text", list: "ec_keys" }],
};

pub(super) const KYBER: OneTimeKeyKind = OneTimeKeyKind {
    table: "kyber_prekeys",
    rows: "kyber_rows",
    hashes: "kyber_hashes",
    ids: "kyber_ids",
    columns: &[
        Column { name: "public_key", kind: "bytea", list: "kyber_keys" },
        Column { name: "signature", kind: "text", list: "kyber_signatures" },
    ],
};

/// The parameters of `EC.replace` and `KYBER.replace`, besides `now`.
pub(super) const EC_LISTS: [(&str, Type); 4] = [
    ("ec_rows", Type::UUID_ARRAY),
    ("ec_hashes", Type::BYTEA_ARRAY),
    ("ec_ids", Type::INT4_ARRAY),
    ("ec_keys", Type::TEXT_ARRAY),
];
pub(super) const KYBER_LISTS: [(&str, Type); 5] = [
    ("kyber_rows", Type::UUID_ARRAY),
    ("kyber_hashes", Type::BYTEA_ARRAY),
    ("kyber_ids", Type::INT4_ARRAY),
    ("kyber_keys", Type::BYTEA_ARRAY),
    ("kyber_signatures", Type::TEXT_ARRAY),
];

impl OneTimeKeyKind {
    /// The columns with something before each, joined by commas.
    fn listed(self, each: impl Fn(&str) -> String) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| each(column.name)).collect();
        columns.join(", ")
    }

    /// Takes the oldest unused key of each device that the rows `t (device_id, identity_id)`
    /// of `of` name. A key that another statement is about to take is passed over; one that
    /// was taken, or came under another identity key, since this statement began is seen to
    /// be. Gives the CTE `{table}_taken (device_id, position, key_id, …)`.
    pub(super) fn take(self, of: &str) -> String {
        let Self { table, .. } = self;
        format!(
            "{table}_taken AS MATERIALIZED (
               SELECT c.* FROM {of} CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, {columns}
                   FROM auth.{table} k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             {table}_used AS (
               UPDATE auth.{table} k SET is_used = true, key_id = NULL, {emptied}
                 FROM {table}_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash)",
            columns = self.listed(|name| format!("k.{name}")),
            emptied = self.listed(|name| format!("{name} = NULL")),
        )
    }

    /// Replaces the unused keys of the device in the CTE `owner (device_id, id, renewed)` by
    /// the lists. An empty list changes nothing, unless the identity key was `renewed`. What
    /// was handed out before stays so. Gives `{table}_put`.
    pub(super) fn replace(self) -> String {
        let Self { table, rows, hashes, ids, .. } = self;
        let lists: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!(":{}::{}[]", column.list, column.kind))
            .collect();
        format!(
            "{table}_new AS (
               SELECT o.device_id, o.id AS identity_id, n.*,
                      row_number() OVER (ORDER BY n.place) AS position
                 FROM owner o CROSS JOIN unnest(:{rows}::uuid[], :{hashes}::bytea[],
                                                :{ids}::int4[], {lists})
                      WITH ORDINALITY AS n (id, key_hash, key_id, {columns}, place)
                WHERE NOT EXISTS (
                  SELECT FROM auth.{table} u
                   WHERE u.device_id = o.device_id AND u.key_hash = n.key_hash AND u.is_used)),
             {table}_gone AS (
               DELETE FROM auth.{table} k USING owner o
                WHERE k.device_id = o.device_id AND NOT k.is_used
                  AND (o.renewed OR cardinality(:{hashes}::bytea[]) > 0)
                  AND k.key_hash <> ALL (:{hashes}::bytea[])),
             {table}_put AS (
               INSERT INTO auth.{table} AS k
                      (device_id, key_hash, id, identity_id, position, key_id, {columns},
                       created_at)
               SELECT device_id, key_hash, id, identity_id, position, key_id, {columns}, :now
                 FROM {table}_new
               ON CONFLICT (device_id, key_hash) DO UPDATE SET
                 id = excluded.id, identity_id = excluded.identity_id,
                 position = excluded.position, key_id = excluded.key_id, {replaced},
                 created_at = excluded.created_at
               WHERE NOT k.is_used
               RETURNING 1)",
            lists = lists.join(", "),
            columns = self.listed(str::to_owned),
            replaced = self.listed(|name| format!("{name} = excluded.{name}")),
        )
    }

    /// The assignments that remember how many keys came, for `prekeys.low`.
    pub(super) fn counted(self) -> String {
        let Self { table, hashes, .. } = self;
        let came = format!("(SELECT count(*) FROM {table}_put)");
        let touched = format!("(o.renewed OR cardinality(:{hashes}::bytea[]) > 0)");
        format!(
            "{table}_uploaded = CASE WHEN {touched} THEN {came} ELSE i.{table}_uploaded END,
             {table}_ample = CASE WHEN {touched} THEN {came} >= {LOW_PREKEY_COUNT} ELSE i.{table}_ample END"
        )
    }
}

/// Keeps the hashes of the last-resort keys of the devices in a CTE (`device_id`), other than
/// `but`: they were handed out too, and are no one-time keys ever after. One of them may
/// become the last resort again.
pub(super) fn archive_last_resort(devices: &str, but: &str) -> String {
    format!(
        "archived AS (
           INSERT INTO auth.kyber_prekeys AS k (device_id, key_hash, id, identity_id, position,
                  is_one_time, is_used, created_at)
           SELECT l.device_id, l.key_hash, l.id, l.id, 0, false, true, l.created_at
             FROM auth.kyber_last_resort_prekeys l JOIN {devices} d ON d.device_id = l.device_id
            WHERE l.key_hash IS DISTINCT FROM {but}
           ON CONFLICT (device_id, key_hash) DO UPDATE SET
             is_used = true, key_id = NULL, public_key = NULL, signature = NULL)"
    )
}

/// Deletes the unused one-time keys of the devices in a CTE.
pub(super) fn delete_unused(devices: &str) -> String {
    let [curve, kyber] = [EC, KYBER].map(|OneTimeKeyKind { table, .. }| {
        format!(
            "{table}_deleted AS (
               DELETE FROM auth.{table} k USING {devices} d
                WHERE k.device_id = d.device_id AND NOT k.is_used)"
        )
    });
    format!("{curve},\n         {kyber}")
}
