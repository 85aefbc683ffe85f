-- Back to accounts without keys. What is lost: every key, and which numbers devices had.
DROP TRIGGER delete_used_prekeys ON auth.users_auth;
DROP FUNCTION auth.delete_used_prekeys();
DROP VIEW auth.kyber_prekeys, auth.prekeys;
DROP TABLE auth.used_prekeys, auth.prekey_pages, auth.kyber_last_resort_prekeys,
           auth.signed_prekeys, auth.identity_keys, auth.released_signal_device_ids;
ALTER TABLE auth.devices
  DROP COLUMN signal_device_id, DROP COLUMN approved_by, DROP COLUMN approval_signature;
ALTER TABLE auth.users_auth DROP COLUMN device_list_version;
