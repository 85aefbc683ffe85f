-- insert_backup_codes
-- $1 user uuid
-- $2 ids _uuid
-- $3 selectors _int2
-- $4 hashes _text
-- $5 peppers _text
-- $6 now timestamptz
INSERT INTO auth.backup_codes (id, user_id, selector, code_hash, pepper, created_at)
         SELECT c.id, $1, c.selector, c.code_hash, c.pepper, $6
           FROM unnest($2::uuid[], $3::int2[], $4::text[], $5::text[])
                AS c (id, selector, code_hash, pepper)
          WHERE EXISTS (SELECT FROM auth.users_auth WHERE id = $1 AND two_factor_enabled)
