-- Organisations that are to be removed. `state` is waiting (it can be taken back until `due_at`) or removing; `owners` is JSON: the
-- accounts that get the last letter.
CREATE TABLE closing (
  workspace TEXT PRIMARY KEY REFERENCES workspace (id), asked_by TEXT NOT NULL, by_name TEXT NOT NULL, asked_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL, state TEXT NOT NULL, owners TEXT NOT NULL);
-- Members of an organisation whose removal has begun: they are in it no more, and what they were given is taken from them bit by bit.
CREATE TABLE closing_member (workspace TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (workspace, account));
