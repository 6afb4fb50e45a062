-- The revision a watcher was last told of by mail: told once, they hear no more until they have looked.
ALTER TABLE wiki_watch ADD COLUMN told BIGINT NOT NULL DEFAULT 0;

-- Who has the form of a page open, and until when we believe it when their browser says nothing more.
CREATE TABLE wiki_writer (page TEXT NOT NULL, account TEXT NOT NULL, until BIGINT NOT NULL, PRIMARY KEY (page, account));
