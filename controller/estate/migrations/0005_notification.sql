-- Ways to tell people and programs of alarms; `recipient` is a group or account for mail, `address` a URL or topic.
CREATE TABLE channel (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  recipient TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  secret TEXT NOT NULL DEFAULT '',
  zone TEXT,
  severity TEXT NOT NULL DEFAULT 'info',
  after_minutes BIGINT NOT NULL DEFAULT 0,
  quiet_minutes BIGINT NOT NULL DEFAULT 0,
  enabled BIGINT NOT NULL DEFAULT 1,
  changed_at BIGINT NOT NULL,
  UNIQUE (workspace, name)
);

-- When a channel last told of a condition: repeats within its quiet time are not told.
CREATE TABLE channel_told (
  channel TEXT NOT NULL,
  key TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (channel, key)
);

-- Alarms that a channel is told of later, if nobody has seen to them by then.
CREATE TABLE alarm_watch (
  alarm TEXT NOT NULL,
  channel TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (alarm, channel)
);
CREATE INDEX alarm_watch_due ON alarm_watch (due_at);

-- Times in which alarms of a zone, system, device or gateway are expected: they are kept, and nobody is told.
CREATE TABLE maintenance (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  object TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  reason TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at BIGINT NOT NULL
);
CREATE INDEX maintenance_object ON maintenance (object, ends_at);
CREATE INDEX maintenance_workspace ON maintenance (workspace, ends_at);

CREATE TABLE alarm_note (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  alarm TEXT NOT NULL,
  workspace TEXT NOT NULL,
  at BIGINT NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX alarm_note_alarm ON alarm_note (alarm, id);

ALTER TABLE alarm ADD COLUMN assignee TEXT;
ALTER TABLE alarm ADD COLUMN assignee_name TEXT;
ALTER TABLE alarm ADD COLUMN muted BIGINT NOT NULL DEFAULT 0;
