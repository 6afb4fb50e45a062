-- What is kept about places, systems and devices besides what they need to work: fields that somebody described.
CREATE TABLE metadata_field (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  kinds TEXT NOT NULL,
  rank BIGINT NOT NULL DEFAULT 0,
  field TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, name)
);

ALTER TABLE device ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
