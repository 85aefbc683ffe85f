-- list_proven_identities
-- $1 user uuid
-- returns identity bytea
SELECT identity FROM auth.identity_keys WHERE user_id = $1 AND proven
