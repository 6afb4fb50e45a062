-- Whose eyes a session looks through at the moment; empty: its own account's.
ALTER TABLE session ADD COLUMN view_as TEXT NOT NULL DEFAULT '';
