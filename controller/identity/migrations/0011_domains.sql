-- Who may sign in at a domain, and what is served there under which path (both JSON). Not approved: asked for by an
-- organisation, and not served until those who run the installation agree.
ALTER TABLE domain ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE domain ADD COLUMN apps TEXT NOT NULL DEFAULT '[]';
ALTER TABLE domain ADD COLUMN approved BIGINT NOT NULL DEFAULT 1;
