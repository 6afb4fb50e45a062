-- Owners of data. A personal workspace has exactly one member.
CREATE TABLE workspace (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL);

-- People who can sign in, once per installation. `email` is case-folded. An empty hash means: no password yet.
CREATE TABLE account (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, job TEXT NOT NULL DEFAULT '', phone TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL, password_hash TEXT NOT NULL DEFAULT '', created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  signed_in_at BIGINT);

CREATE TABLE member (
  workspace TEXT NOT NULL REFERENCES workspace (id), account TEXT NOT NULL REFERENCES account (id), joined_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, account));
CREATE INDEX member_account ON member (account);

-- `builtin` is everyone, team, admin or webmaster, and empty for groups people made.
CREATE TABLE grp (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL REFERENCES workspace (id), name TEXT NOT NULL, builtin TEXT NOT NULL DEFAULT '',
  about TEXT NOT NULL DEFAULT '', created_at BIGINT NOT NULL);
CREATE UNIQUE INDEX grp_name ON grp (workspace, lower(name));

-- The permission graph: membership, grants and containment are the same kind of row.
-- `leaf` is 1 where the subject is an account: nothing leads to an account, so the way up from an object skips these.
CREATE TABLE relation (
  id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, object TEXT NOT NULL, kind TEXT NOT NULL, leaf BIGINT NOT NULL,
  cap BIGINT NOT NULL, floor BIGINT NOT NULL, valid_from BIGINT NOT NULL, valid_to BIGINT NOT NULL,
  granted_by TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL);
CREATE UNIQUE INDEX relation_once ON relation (subject, object, kind, valid_from, valid_to);
CREATE INDEX relation_up ON relation (object, leaf, subject);
CREATE INDEX relation_from ON relation (valid_from) WHERE valid_from > 0;
CREATE INDEX relation_to ON relation (valid_to) WHERE valid_to < 9223372036854775807;
-- Counts every change of the graph, so that an answer can be remembered until the next one.
CREATE TABLE relation_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO relation_version (id, version) VALUES (1, 1);

-- Secrets are kept as SHA-256 only: they are 256 random bits, so a slow hash would add nothing.
CREATE TABLE session (
  id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), workspace TEXT NOT NULL REFERENCES workspace (id),
  secret_hash TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  address TEXT NOT NULL, agent TEXT NOT NULL);
CREATE INDEX session_account ON session (account);
CREATE TABLE api_token (
  id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), workspace TEXT NOT NULL REFERENCES workspace (id),
  name TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE, cap BIGINT NOT NULL, created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL);
CREATE INDEX api_token_account ON api_token (account);

-- Failed sign-ins by `email:…` and `address:…`; forgotten after a while.
CREATE TABLE sign_in_failure (key TEXT PRIMARY KEY, count BIGINT NOT NULL, last_at BIGINT NOT NULL);

-- A link that works once and lets somebody choose their password: after being invited, or when it was reset for them.
CREATE TABLE activation (
  secret_hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
