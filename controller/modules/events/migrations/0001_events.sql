-- Dates are civil, `2026-05-14`, in the event's time zone; times of schedule items are instants. `stage` is planned, confirmed or
-- cancelled. A removed event can be recovered.
CREATE TABLE event (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, about TEXT NOT NULL, zone TEXT NOT NULL,
  starts_on TEXT NOT NULL, ends_on TEXT NOT NULL, stage TEXT NOT NULL, revision BIGINT NOT NULL, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL, removed_at BIGINT);
CREATE INDEX event_workspace ON event (workspace, starts_on, id);

-- What an event's tasks can be: several words within each of the five states.
CREATE TABLE event_status (
  id TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES event (id), state TEXT NOT NULL, name TEXT NOT NULL, rank BIGINT NOT NULL);
CREATE INDEX event_status_event ON event_status (event, rank);

-- Areas of several events with the same `place` are the same place.
CREATE TABLE event_area (
  id TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES event (id), name TEXT NOT NULL, place TEXT NOT NULL, rank BIGINT NOT NULL);
CREATE INDEX event_area_event ON event_area (event, rank);

-- `account` is set for those who were given access.
CREATE TABLE event_collaborator (
  id TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES event (id), name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
  job TEXT NOT NULL, account TEXT);
CREATE INDEX event_collaborator_event ON event_collaborator (event);

-- `due_on` is empty when there is no date, `waiting_for` when nothing holds it up.
CREATE TABLE event_task (
  id TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES event (id), area TEXT, title TEXT NOT NULL, about TEXT NOT NULL,
  status TEXT NOT NULL, due_on TEXT NOT NULL, assignee TEXT, waiting_for TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX event_task_event ON event_task (event, status);

CREATE TABLE event_item (
  id TEXT PRIMARY KEY, event TEXT NOT NULL REFERENCES event (id), area TEXT, title TEXT NOT NULL, about TEXT NOT NULL,
  starts_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, revision BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX event_item_event ON event_item (event, starts_at);
CREATE TABLE event_item_person (item TEXT NOT NULL, collaborator TEXT NOT NULL, PRIMARY KEY (item, collaborator));

-- Secret addresses at which programs read; `event` is empty for all events of the workspace. Only the hash is kept.
CREATE TABLE event_calendar (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, account TEXT NOT NULL, event TEXT, name TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL, read_at BIGINT);
CREATE INDEX event_calendar_account ON event_calendar (account, workspace);
