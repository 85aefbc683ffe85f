-- replay_account_change
-- $1 user uuid
-- $2 call uuid
-- $3 now timestamptz
-- $4 second_factor bool
-- $5 codes bool
-- $6 lock bool
-- $7 reset bool
-- $8 restored bool
-- $9 sessions _uuid
-- $10 reasons _text
-- returns ended _uuid
WITH changed AS (
           UPDATE auth.users_auth SET
             two_factor_enabled = two_factor_enabled AND NOT $4,
             two_factor_secret = CASE WHEN $4 THEN NULL ELSE two_factor_secret END,
             two_factor_pending_secret =
               CASE WHEN $4 THEN NULL ELSE two_factor_pending_secret END,
             two_factor_pending_session =
               CASE WHEN $4 THEN NULL ELSE two_factor_pending_session END,
             two_factor_pending_at =
               CASE WHEN $4 THEN NULL ELSE two_factor_pending_at END,
             recovery_code_hash = CASE WHEN $6 THEN NULL ELSE recovery_code_hash END,
             updated_at = $3
           WHERE id = $1 AND ($4 OR $6)),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id = $1 AND ($4 OR $5)),
         no_reset AS ( -- a reset goes with the second factor that it was asked for
           DELETE FROM auth.second_factor_resets
            WHERE user_id = $1 AND ($4 OR $7)),
         kept AS ( -- else maintenance could delete the account before it has a number again
           UPDATE auth.released_accounts SET released_at = $3
            WHERE user_id = $1 AND $8),
         stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE user_id = $1 AND $4 AND stepped_up_at IS NOT NULL
              AND id <> ALL ($9::uuid[])),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $3, revoked_for = e.reason, ended_by = $2
             FROM unnest($9::uuid[], $10::text[]) AS e (id, reason)
            WHERE s.id = e.id AND s.user_id = $1 AND s.revoked_at IS NULL
           RETURNING s.id, s.user_id),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $3
             FROM ended)
         SELECT array(SELECT id FROM ended) AS ended
