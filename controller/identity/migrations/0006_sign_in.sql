-- Second factors: codes of an authenticator app. `last_step` is the 30-second step of the last code that was taken, so that
-- none is taken twice. Not confirmed: the app was never seen to show the right code.
CREATE TABLE totp (
  account TEXT PRIMARY KEY REFERENCES account (id), secret TEXT NOT NULL, confirmed BIGINT NOT NULL, last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL);
CREATE TABLE recovery_code (account TEXT NOT NULL REFERENCES account (id), code_hash TEXT NOT NULL, PRIMARY KEY (account, code_hash));
-- The password was right, the code is still asked for.
CREATE TABLE pending_sign_in (
  secret_hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), expires_at BIGINT NOT NULL);

-- OpenID providers of a workspace. `group_map` is JSON: the provider's word for a group to the id of ours.
CREATE TABLE oidc_provider (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL REFERENCES workspace (id), name TEXT NOT NULL, issuer TEXT NOT NULL,
  client_id TEXT NOT NULL, client_secret TEXT NOT NULL, group_claim TEXT NOT NULL, group_map TEXT NOT NULL,
  creates_accounts BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX oidc_provider_workspace ON oidc_provider (workspace);
-- Sign-ins under way: `secret_hash` is of the cookie of the browser that began, so that no other can end it.
CREATE TABLE oidc_sign_in (
  secret_hash TEXT PRIMARY KEY, provider TEXT NOT NULL, state TEXT NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL,
  next TEXT NOT NULL, expires_at BIGINT NOT NULL);
-- Who a provider's subject is.
CREATE TABLE oidc_identity (
  provider TEXT NOT NULL, subject TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id), linked_at BIGINT NOT NULL,
  PRIMARY KEY (provider, subject));
-- Host names a workspace is served under, and how one signs in there: JSON list of `password` and provider ids.
CREATE TABLE domain (
  host TEXT PRIMARY KEY, workspace TEXT NOT NULL REFERENCES workspace (id), methods TEXT NOT NULL, created_at BIGINT NOT NULL);
