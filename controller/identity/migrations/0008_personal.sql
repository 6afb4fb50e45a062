-- A personal workspace has the id of its account, so that nobody can have two and nothing needs to be looked up.
INSERT INTO workspace (id, kind, name, slug, created_at)
SELECT a.id, 'personal', 'Personal workspace', 'personal-' || a.id, a.created_at FROM account a;
INSERT INTO member (workspace, account, joined_at) SELECT a.id, a.id, a.created_at FROM account a;
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'account:' || a.id, 'workspace:' || a.id, 'grant', 1, 4, 0, 0, 9223372036854775807, 'system:', 'personal workspace', a.created_at FROM account a;
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'workspace:' || w.id, w.place || w.id || '/' || w.name, 'contain', 0, 4, 4, 0, 9223372036854775807, 'system:', '', w.created_at
FROM (SELECT a.id, a.created_at, p.place, p.name FROM account a CROSS JOIN (
  SELECT 'area:' AS place, 'audit' AS name UNION ALL SELECT 'module:', 'general' UNION ALL SELECT 'module:', 'wiki') p) w;
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'module:' || a.id || '/general', 'module:' || a.id || '/' || m.name, 'contain', 0, 4, 0, 0, 9223372036854775807, 'system:', '', a.created_at
FROM account a CROSS JOIN (SELECT 'cms' AS name UNION ALL SELECT 'portfolio' UNION ALL SELECT 'directory' UNION ALL SELECT 'awards' UNION ALL SELECT 'events' UNION ALL SELECT 'shop' UNION ALL SELECT 'locations' UNION ALL SELECT 'testimonials' UNION ALL SELECT 'classifieds' UNION ALL SELECT 'pv' UNION ALL SELECT 'time') m;

-- Licences are an area of every workspace, personal ones included.
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'workspace:' || w.id, 'area:' || w.id || '/licences', 'contain', 0, 4, 4, 0, 9223372036854775807, 'system:', '', w.created_at FROM workspace w;
UPDATE relation_version SET version = version + 1;

-- 1: there were more of them than licences after a downgrade; their holders read, until there is room again.
ALTER TABLE seat ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
ALTER TABLE slot ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;

-- When somebody last worked in a workspace: where they begin the next time.
ALTER TABLE member ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
