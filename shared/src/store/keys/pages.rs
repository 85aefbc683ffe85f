//! SQL fragments over `prekey_pages` and `used_prekeys`.
//!
//! A page is replaced in place, and ends only when what it has handed out is remembered. The
//! account's row is the lock under which a user's keys change, since what is remembered is
//! the user's. Pages are locked after it, ordered by device and kind. A take locks pages
//! alone, in the same order.

use super::kind::OneTimeKeyKind;

/// The number of bytes of a hash.
const HASH: usize = 16;

/// Locks the pages of the devices in the CTE `devices (user_id, device_id)`, and remembers what
/// they have handed out. The newest version of a page counts, so that no key is missed that is
/// taken while this statement runs. Gives `page (user_id, device_id, kind)` and
/// `used (user_id, kind, key_hash)`.
pub(in crate::store) fn lock_and_remember(devices: &str, condition: &str) -> String {
    format!(
        "page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM {devices} ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind,
                     substring(p.hashes FROM 1 FOR {HASH} * p.next) AS hashes
                FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id AND {condition}
               ORDER BY p.kind FOR UPDATE) p),
         used AS MATERIALIZED (
           SELECT p.user_id, p.kind, {hash} AS key_hash
             FROM page p
            CROSS JOIN LATERAL generate_series(0, octet_length(p.hashes) / {HASH} - 1) AS n (place)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, kind, key_hash FROM used
           ON CONFLICT DO NOTHING)",
        hash = hash_at("p.hashes", "n.place"),
    )
}

/// Deletes those of the CTE `page` that meet a condition.
pub(in crate::store) fn delete_pages(condition: &str) -> String {
    format!(
        "ended AS (
           DELETE FROM auth.prekey_pages p USING page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
              AND {condition})"
    )
}

fn hash_at(hashes: &str, place: &str) -> String {
    format!("substring({hashes} FROM {HASH} * {place} + 1 FOR {HASH})")
}

/// A subquery of the hashes of all keys in the pages `p` of a kind that meet a condition,
/// handed out or not. Each value is fetched once, not once per key.
pub(super) fn hashes_of(kind: OneTimeKeyKind, condition: &str) -> String {
    format!(
        "SELECT {hash} AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = {kind} AND {condition} OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / {HASH} - 1) AS n (place)",
        hash = hash_at("e.hashes", "n.place"),
        kind = kind.number,
    )
}

/// A condition: the user's account has `key_hash` among the one-time keys of a kind. `used` is
/// the CTE of [`lock_and_remember`], if there is one; `pages` is a condition on the pages `p`
/// that count whole.
pub(super) fn has_hash(kind: OneTimeKeyKind, hash: &str, pages: &str) -> String {
    format!(
        "EXISTS (SELECT FROM auth.used_prekeys u
                     WHERE u.user_id = :user AND u.kind = {number} AND u.key_hash = {hash})
            OR EXISTS (SELECT FROM ({hashes}) k WHERE k.key_hash = {hash})",
        number = kind.number,
        hashes = hashes_of(kind, pages),
    )
}

/// A condition: one of the keys that the page `p` can still hand out has this id.
pub(super) fn has_unused_id(id: &str) -> String {
    format!(
        "EXISTS (
             SELECT FROM (SELECT substring(p.keys FROM 1) AS keys OFFSET 0) e
              CROSS JOIN LATERAL generate_series(p.next::int, p.count - 1) AS n (place)
              WHERE substring(e.keys FROM n.place * p.width + 1 FOR 4) = int4send({id}))"
    )
}

impl OneTimeKeyKind {
    /// Makes a page of an upload, for the device in the CTE
    /// `owner (user_id, device_id, identity_id)`: without the keys that were handed out before,
    /// and without those of the user's other devices. `elsewhere` is a condition on the pages
    /// `p` of these. A page is replaced if `replaces` is met. Follows [`lock_and_remember`].
    /// Gives `{name}_fresh`, a row per key that is available.
    pub(super) fn replace(self, elsewhere: &str, replaces: &str) -> String {
        let Self { number, width, barred_by, name, hashes, keys } = self;
        format!(
            "{name}_known AS MATERIALIZED (
               SELECT key_hash FROM used WHERE kind = {number}
               UNION ALL
               SELECT u.key_hash FROM auth.used_prekeys u
                WHERE u.user_id = :user AND u.kind IN ({barred_by}) AND u.key_hash = ANY (:{hashes})
               UNION ALL
               {others}),
             {name}_fresh AS MATERIALIZED (
               SELECT n.key_hash, n.place::int AS place
                 FROM unnest(:{hashes}::bytea[]) WITH ORDINALITY AS n (key_hash, place)
                WHERE NOT EXISTS (SELECT FROM {name}_known k WHERE k.key_hash = n.key_hash)),
             {name}_stored AS (
               INSERT INTO auth.prekey_pages AS p
                      (user_id, device_id, kind, identity_id, next, count, width, arrived_at,
                       hashes, keys)
               SELECT o.user_id, o.device_id, {number}, o.identity_id, 0, f.count, {width}, :now,
                      f.hashes, f.keys
                 FROM owner o CROSS JOIN (
                   SELECT count(*) AS count,
                          coalesce(string_agg(key_hash, '' ORDER BY place), '') AS hashes,
                          CASE WHEN count(*) = cardinality(:{hashes}::bytea[]) THEN :{keys}
                          ELSE coalesce((
                            SELECT string_agg(substring(:{keys} FROM (s.place - 1) * {width} + 1
                                                        FOR {width}), '' ORDER BY s.place)
                              FROM {name}_fresh s), '') END AS keys
                     FROM {name}_fresh) f
                WHERE cardinality(:{hashes}::bytea[]) > 0
               ON CONFLICT (user_id, device_id, kind) DO UPDATE SET
                 identity_id = excluded.identity_id, next = 0, count = excluded.count,
                 width = excluded.width, arrived_at = excluded.arrived_at,
                 hashes = excluded.hashes, keys = excluded.keys
               WHERE {replaces}
               RETURNING p.user_id)",
            others = hashes_of(self, elsewhere),
        )
    }
}
