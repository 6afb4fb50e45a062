-- Areas of business, and business modules, for workspaces that were made before there were any. Gated: floor 4.
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'workspace:' || w.id, 'area:' || w.id || '/' || a.name, 'contain', 0, 4, 4, 0, 9223372036854775807, 'system:', '', w.created_at
FROM workspace w CROSS JOIN (SELECT 'sales' AS name UNION ALL SELECT 'customers' UNION ALL SELECT 'shop' UNION ALL SELECT 'pricing' UNION ALL SELECT 'logistics' UNION ALL SELECT 'products' UNION ALL SELECT 'orders' UNION ALL SELECT 'backoffice') a;
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'workspace:' || w.id, 'module:' || w.id || '/' || a.name, 'contain', 0, 4, 4, 0, 9223372036854775807, 'system:', '', w.created_at
FROM workspace w CROSS JOIN (SELECT 'general' AS name UNION ALL SELECT 'wiki' UNION ALL SELECT 'blog' UNION ALL SELECT 'contracts' UNION ALL SELECT 'crm') a;
INSERT INTO relation (subject, object, kind, leaf, cap, floor, valid_from, valid_to, granted_by, reason, at)
SELECT 'module:' || w.id || '/general', 'module:' || w.id || '/' || a.name, 'contain', 0, 4, 0, 0, 9223372036854775807, 'system:', '', w.created_at
FROM workspace w CROSS JOIN (SELECT 'cms' AS name UNION ALL SELECT 'portfolio' UNION ALL SELECT 'directory' UNION ALL SELECT 'awards' UNION ALL SELECT 'events' UNION ALL SELECT 'shop' UNION ALL SELECT 'locations' UNION ALL SELECT 'testimonials' UNION ALL SELECT 'classifieds' UNION ALL SELECT 'pv' UNION ALL SELECT 'time') a;
UPDATE relation_version SET version = version + 1;

-- `name` is what lists show: first, middle and last name put together. `gender` is F, M or U (unknown).
ALTER TABLE account ADD COLUMN gender TEXT NOT NULL DEFAULT 'U';
ALTER TABLE account ADD COLUMN first_name TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN middle_name TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN last_name TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
UPDATE account SET last_name = name;

-- Of the groups of a workspace that carry the same word here, somebody can be in one only: employee, freelancer or client.
ALTER TABLE grp ADD COLUMN one_of TEXT NOT NULL DEFAULT '';
