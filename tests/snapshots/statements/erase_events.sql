-- erase_events
-- $1 user uuid
WITH erased AS (
           DELETE FROM auth.outbox
            WHERE user_id = $1 AND topic NOT IN ('audit', 'session.ended', 'user.deleted'))
         UPDATE auth.outbox SET payload = payload - 'personal'
          WHERE user_id = $1 AND topic = 'audit' AND payload ? 'personal'
