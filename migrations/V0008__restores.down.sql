-- What is lost: refresh tokens of the time between a backup and its restore look stolen again.
DROP TABLE auth.restores;
