-- What floor maps were bound to, each time somebody changed it.
CREATE TABLE zone_map_revision (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  bindings TEXT NOT NULL,
  about TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, name, number)
);
