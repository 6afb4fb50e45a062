-- The one workspace a session reaches, when a provider of that workspace opened it; empty for all of its account's.
ALTER TABLE session ADD COLUMN only_in TEXT NOT NULL DEFAULT '';
-- Who opened the sessions there are is not known: whomever a provider may sign in signs in anew.
DELETE FROM session WHERE account IN (SELECT account FROM oidc_identity);
