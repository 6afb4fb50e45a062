-- Last values in pages of 256 points each: a million of them are four thousand rows.
DROP TABLE last_value;
CREATE TABLE last_page (
  workspace TEXT NOT NULL,
  page BIGINT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (workspace, page)
) WITHOUT ROWID;

-- Old runs are found by their time.
CREATE INDEX trigger_run_at ON trigger_run (at);

-- Lost records that came after all, when they were asked for again.
ALTER TABLE gap ADD COLUMN recovered BIGINT NOT NULL DEFAULT 0;
