-- Dates are civil, `2026-05-14`, or empty. `state` is open or closed.
CREATE TABLE project (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, client TEXT NOT NULL, about TEXT NOT NULL,
  starts_on TEXT NOT NULL, ends_on TEXT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE UNIQUE INDEX project_code ON project (workspace, lower(code));

-- What not everybody sees who reads the project. Money is `12500.00 EUR`.
CREATE TABLE project_field (project TEXT NOT NULL REFERENCES project (id), name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (project, name));

-- Functions in a project: `word` names the role in the permission graph.
CREATE TABLE project_role (project TEXT NOT NULL REFERENCES project (id), word TEXT NOT NULL, title TEXT NOT NULL, PRIMARY KEY (project, word));

-- Folders at the top are the phases.
CREATE TABLE project_folder (
  id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES project (id), parent TEXT, name TEXT NOT NULL, rank BIGINT NOT NULL);
CREATE INDEX project_folder_project ON project_folder (project, parent, rank);
