-- Keys of settings that whoever set them called secret, or that a driver called so when they were set.
ALTER TABLE zone ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]';
ALTER TABLE system ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]';
ALTER TABLE device ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]';
