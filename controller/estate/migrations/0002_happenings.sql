-- What edges report: watermarks, gaps, alarms, commands, trigger runs, values and their history.
CREATE TABLE watermark (
  edge TEXT NOT NULL,
  class TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  head TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (edge, class, epoch)
);

-- Losses an edge owned up to: `lost` of the records numbered `first` to `last`, made between `since` and `at`.
CREATE TABLE gap (
  edge TEXT NOT NULL,
  class TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  lost BIGINT NOT NULL,
  why TEXT NOT NULL,
  since BIGINT NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  PRIMARY KEY (edge, class, epoch, first)
);
CREATE INDEX gap_at ON gap (workspace, at);

CREATE TABLE alarm (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  key TEXT NOT NULL,
  edge TEXT,
  system TEXT,
  device TEXT,
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  active BIGINT NOT NULL,
  acknowledged BIGINT NOT NULL DEFAULT 0,
  raised_at BIGINT NOT NULL,
  cleared_at BIGINT,
  acknowledged_at BIGINT,
  acknowledged_by TEXT,
  comment TEXT NOT NULL DEFAULT ''
);
CREATE INDEX alarm_raised ON alarm (workspace, raised_at);
CREATE UNIQUE INDEX alarm_active_key ON alarm (workspace, key) WHERE active = 1;

CREATE TABLE command (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  edge TEXT NOT NULL,
  device TEXT NOT NULL,
  name TEXT NOT NULL,
  request TEXT NOT NULL,
  actor TEXT NOT NULL,
  stage TEXT NOT NULL,
  final BIGINT NOT NULL DEFAULT 0,
  asked_at BIGINT NOT NULL,
  deadline BIGINT NOT NULL
);
CREATE INDEX command_asked ON command (workspace, asked_at);
CREATE INDEX command_device ON command (device, asked_at);
CREATE INDEX command_open ON command (deadline) WHERE final = 0;

CREATE TABLE command_step (
  command TEXT NOT NULL,
  number BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  at BIGINT NOT NULL,
  step TEXT NOT NULL,
  PRIMARY KEY (command, number)
);

CREATE TABLE trigger_run (
  trigger_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  workspace TEXT NOT NULL,
  trace TEXT NOT NULL,
  PRIMARY KEY (trigger_id, at, outcome)
);

-- One number per (device, status variable): what history and its journal speak of.
CREATE TABLE point (
  id BIGINT PRIMARY KEY,
  workspace TEXT NOT NULL,
  device TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (device, name)
);

-- The last value of each point as of some moment; what came later is in `history_journal`.
CREATE TABLE last_value (
  point BIGINT PRIMARY KEY,
  workspace TEXT NOT NULL,
  value TEXT NOT NULL
);

-- Batches as they were acknowledged, in one blob each, until they are folded into chunks.
CREATE TABLE history_journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  workspace TEXT NOT NULL,
  edge TEXT NOT NULL,
  data BLOB NOT NULL
);

-- Compressed runs of samples. Times in milliseconds.
CREATE TABLE history_chunk (
  point BIGINT NOT NULL,
  start BIGINT NOT NULL,
  finish BIGINT NOT NULL,
  samples BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (point, start)
) WITHOUT ROWID;

-- Quarter hours of one UTC day.
CREATE TABLE history_rollup (
  point BIGINT NOT NULL,
  day BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (point, day)
) WITHOUT ROWID;

-- Days whose samples changed since they were rolled up.
CREATE TABLE history_stale_day (
  point BIGINT NOT NULL,
  day BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  PRIMARY KEY (point, day)
) WITHOUT ROWID;
