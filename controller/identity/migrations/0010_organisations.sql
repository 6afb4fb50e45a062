-- Letters that ask somebody to join an organisation. `secret_hash` is of the link that works at the moment; `groups` is JSON.
-- `state` is open, accepted, declined or withdrawn. `letters` were sent so far, the last at `sent_at`.
CREATE TABLE invitation (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL REFERENCES workspace (id), email TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE,
  groups TEXT NOT NULL, invited_by TEXT NOT NULL REFERENCES account (id), state TEXT NOT NULL, letters BIGINT NOT NULL,
  created_at BIGINT NOT NULL, sent_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT NOT NULL);
CREATE UNIQUE INDEX invitation_open ON invitation (workspace, email) WHERE state = 'open';
CREATE INDEX invitation_by ON invitation (invited_by, sent_at);

-- An owner wants to hand the organisation over; one at a time.
CREATE TABLE ownership_offer (
  workspace TEXT PRIMARY KEY REFERENCES workspace (id), offered_by TEXT NOT NULL REFERENCES account (id),
  offered_to TEXT NOT NULL REFERENCES account (id), created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);

-- The organisation an account was made by, whose administrators look after it: its password, its state. Empty: nobody but
-- its owner does.
ALTER TABLE account ADD COLUMN home TEXT NOT NULL DEFAULT '';
UPDATE account SET home = COALESCE((
  SELECT m.workspace FROM member m JOIN workspace w ON w.id = m.workspace
  WHERE m.account = account.id AND w.kind = 'organisation' ORDER BY m.joined_at, m.workspace LIMIT 1), '');
