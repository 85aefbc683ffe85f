-- find_retired_identity
-- $1 digest bytea
-- $2 user uuid
-- returns is_retired bool
SELECT EXISTS (SELECT FROM auth.retired_identities
                         WHERE digest = $1 AND user_id IS DISTINCT FROM $2) AS is_retired
