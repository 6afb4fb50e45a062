-- Passkeys (https://www.w3.org/TR/webauthn-3/): `credential` is the authenticator's own name for it (base64url), `site` the host
-- name it was made for, `public_key` and `state` (counter, whether it is synchronised) are what the library encodes, in base64.
-- A stopped one signs nobody in: its counter went back, so there may be a copy.
CREATE TABLE passkey (
  id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), site TEXT NOT NULL, credential TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL, state TEXT NOT NULL, transports BIGINT NOT NULL, name TEXT NOT NULL, created_at BIGINT NOT NULL,
  used_at BIGINT, stopped BIGINT NOT NULL DEFAULT 0);
CREATE INDEX passkey_account ON passkey (account);
-- Challenges that wait for an answer: `binding` is the hash of what ties one to the browser that asked, so each browser has at
-- most one, and it is taken once.
CREATE TABLE passkey_challenge (binding TEXT PRIMARY KEY, site TEXT NOT NULL, state TEXT NOT NULL, expires_at BIGINT NOT NULL);
-- 1: the password alone does not sign in; a passkey is asked for as well.
ALTER TABLE account ADD COLUMN two_steps BIGINT NOT NULL DEFAULT 0;
-- What an API token is limited to: JSON list of {"on": object, "level": level}; empty for all that its owner may.
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
