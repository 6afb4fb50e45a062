-- How many licences of a kind a workspace has. Every change of seats and slots first changes `changes`, which holds the row
-- until the transaction ends: of two that want the last seat at once, one waits and then finds it taken.
CREATE TABLE licence (
  workspace TEXT NOT NULL REFERENCES workspace (id), kind TEXT NOT NULL, quantity BIGINT NOT NULL, changes BIGINT NOT NULL,
  PRIMARY KEY (workspace, kind));
-- Who has a named licence.
CREATE TABLE seat (
  workspace TEXT NOT NULL REFERENCES workspace (id), kind TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id),
  given_at BIGINT NOT NULL, PRIMARY KEY (workspace, kind, account));
-- Who works on an event by one of its slots.
CREATE TABLE slot (
  workspace TEXT NOT NULL REFERENCES workspace (id), event TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id),
  given_at BIGINT NOT NULL, PRIMARY KEY (event, account));
CREATE INDEX slot_workspace ON slot (workspace);
