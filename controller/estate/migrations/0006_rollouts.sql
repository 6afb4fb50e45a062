-- Changes of many gateways in rings: proposed, approved, released ring by ring while each is watched.
CREATE TABLE rollout (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  title TEXT NOT NULL,
  rings TEXT NOT NULL,
  contents TEXT NOT NULL,
  watch_seconds BIGINT NOT NULL,
  state TEXT NOT NULL,
  ring BIGINT NOT NULL DEFAULT 0,
  ring_at BIGINT,
  published TEXT NOT NULL DEFAULT '{}',
  unwell TEXT NOT NULL DEFAULT '{}',
  why TEXT NOT NULL DEFAULT '',
  made_by TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  approved_by TEXT,
  approved_at BIGINT
);
CREATE INDEX rollout_workspace ON rollout (workspace, made_at);
CREATE INDEX rollout_running ON rollout (state) WHERE state = 'running';
