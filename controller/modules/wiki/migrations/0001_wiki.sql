-- Spaces hold trees of pages. A page's text is the newest of its revisions in content_revision.
CREATE TABLE wiki_space (
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL, comments TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX wiki_space_name ON wiki_space (workspace, lower(name));

-- `bin` names the page with whose removal this one went to the bin; itself when it was removed on its own.
CREATE TABLE wiki_page (
  id TEXT PRIMARY KEY, space TEXT NOT NULL, parent TEXT, rank BIGINT NOT NULL, title TEXT NOT NULL,
  revision BIGINT NOT NULL, template BIGINT NOT NULL, updated_at BIGINT NOT NULL, updated_by TEXT NOT NULL,
  bin TEXT, binned_at BIGINT
);
CREATE INDEX wiki_page_space ON wiki_page (space, parent, rank);
CREATE INDEX wiki_page_bin ON wiki_page (bin);

-- Links by title, and the page each leads to: kept by id, so that a renamed page keeps what leads to it.
CREATE TABLE wiki_link (page TEXT NOT NULL, label TEXT NOT NULL, target TEXT, PRIMARY KEY (page, label));
CREATE INDEX wiki_link_target ON wiki_link (target);
CREATE INDEX wiki_link_label ON wiki_link (label) WHERE target IS NULL;

-- Who wants to know when a page changes, and the revision they have seen.
CREATE TABLE wiki_watch (account TEXT NOT NULL, page TEXT NOT NULL, seen BIGINT NOT NULL, PRIMARY KEY (account, page));
CREATE INDEX wiki_watch_page ON wiki_watch (page);
