-- What people write, whatever module it belongs to: revisions, comments, files, the full-text index.
CREATE TABLE content_revision (
  object TEXT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, author TEXT NOT NULL,
  title TEXT NOT NULL, body TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (object, number)
);

CREATE TABLE content_comment (
  id TEXT PRIMARY KEY, object TEXT NOT NULL, author TEXT NOT NULL, at BIGINT NOT NULL, edited_at BIGINT,
  state TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX content_comment_object ON content_comment (object, at, id);

CREATE TABLE content_blob (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE content_attachment (
  id TEXT PRIMARY KEY, object TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, size BIGINT NOT NULL,
  hash TEXT NOT NULL, at BIGINT NOT NULL, author TEXT NOT NULL
);
CREATE INDEX content_attachment_object ON content_attachment (object, name, id);
CREATE INDEX content_attachment_hash ON content_attachment (hash);

-- [sqlite]
CREATE TABLE content_search_row (id INTEGER PRIMARY KEY AUTOINCREMENT, object TEXT NOT NULL UNIQUE, scope TEXT NOT NULL);
CREATE VIRTUAL TABLE content_search USING fts5 (title, body, content = '', contentless_delete = 1, tokenize = 'unicode61');
-- [postgres]
CREATE TABLE content_search (object TEXT PRIMARY KEY, scope TEXT NOT NULL, words TSVECTOR NOT NULL);
CREATE INDEX content_search_words ON content_search USING GIN (words);
-- [both]
