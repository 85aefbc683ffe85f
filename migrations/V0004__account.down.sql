-- Back to accounts that all have a number. What is lost: accounts that lost theirs, which identity keys
-- may not come back, and what could be undone.
DROP TABLE auth.account_changes, auth.released_accounts, auth.retired_identities;
DELETE FROM auth.users_auth WHERE phone_number IS NULL;
ALTER TABLE auth.users_auth ALTER COLUMN phone_number SET NOT NULL;
