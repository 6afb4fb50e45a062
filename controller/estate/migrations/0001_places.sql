-- Zones, edges, systems, devices and what they are made of.
CREATE TABLE zone (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  key TEXT NOT NULL,
  parent TEXT REFERENCES zone (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  rank BIGINT NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '[]',
  time_zone TEXT,
  latitude DOUBLE PRECISION,
  longitude DOUBLE PRECISION,
  map TEXT,
  settings TEXT NOT NULL DEFAULT '{}',
  metadata TEXT NOT NULL DEFAULT '{}',
  changed_at BIGINT NOT NULL,
  UNIQUE (workspace, key)
);
CREATE INDEX zone_parent ON zone (parent);

CREATE TABLE zone_map (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  svg TEXT NOT NULL,
  bindings TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, name)
);

CREATE TABLE edge (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  zone TEXT NOT NULL REFERENCES zone (id),
  links TEXT NOT NULL DEFAULT '{}',
  state TEXT NOT NULL DEFAULT 'new',
  agent TEXT NOT NULL DEFAULT '',
  running TEXT NOT NULL DEFAULT '',
  proved_at BIGINT,
  enrolled_at BIGINT,
  revoked_at BIGINT,
  changed_at BIGINT NOT NULL,
  UNIQUE (workspace, key)
);

-- Certificates an edge was given. A revoked edge has all of them refused.
CREATE TABLE edge_certificate (
  serial TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  edge TEXT NOT NULL REFERENCES edge (id),
  issued_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX edge_certificate_edge ON edge_certificate (edge);

-- One-time codes, kept as hashes.
CREATE TABLE edge_code (
  hash TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  edge TEXT NOT NULL REFERENCES edge (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

CREATE TABLE driver (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  title TEXT NOT NULL,
  manifest TEXT NOT NULL,
  hash TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, name)
);

-- Packed drivers by SHA-256, all versions ever released.
CREATE TABLE driver_package (
  workspace TEXT NOT NULL,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  bytes BLOB NOT NULL,
  added_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, hash)
);

CREATE TABLE system (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  zone TEXT NOT NULL REFERENCES zone (id),
  edge TEXT NOT NULL REFERENCES edge (id),
  tags TEXT NOT NULL DEFAULT '[]',
  settings TEXT NOT NULL DEFAULT '{}',
  metadata TEXT NOT NULL DEFAULT '{}',
  changed_at BIGINT NOT NULL,
  UNIQUE (workspace, key)
);
CREATE INDEX system_zone ON system (zone);
CREATE INDEX system_edge ON system (edge);

CREATE TABLE device (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  system TEXT NOT NULL REFERENCES system (id),
  address TEXT NOT NULL,
  name TEXT NOT NULL,
  driver TEXT NOT NULL,
  link TEXT,
  settings TEXT NOT NULL DEFAULT '{}',
  enabled BIGINT NOT NULL DEFAULT 1,
  changed_at BIGINT NOT NULL,
  UNIQUE (system, address)
);

CREATE TABLE trigger_definition (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  about TEXT NOT NULL,
  definition TEXT NOT NULL,
  script TEXT,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, name)
);

CREATE TABLE trigger_instance (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  system TEXT NOT NULL REFERENCES system (id),
  name TEXT NOT NULL,
  params TEXT NOT NULL DEFAULT '{}',
  enabled BIGINT NOT NULL DEFAULT 1,
  changed_at BIGINT NOT NULL,
  UNIQUE (system, name)
);

-- Compiled configurations. `site` is the signed text, byte for byte; `content` is the hash of the text alone,
-- so that compiling the same estate again makes no new release.
CREATE TABLE edge_release (
  edge TEXT NOT NULL REFERENCES edge (id),
  number BIGINT NOT NULL,
  workspace TEXT NOT NULL,
  hash TEXT NOT NULL,
  content TEXT NOT NULL,
  compiled_at BIGINT NOT NULL,
  site TEXT NOT NULL,
  signature TEXT NOT NULL,
  summary TEXT NOT NULL,
  PRIMARY KEY (edge, number)
);
CREATE INDEX edge_release_hash ON edge_release (hash);
