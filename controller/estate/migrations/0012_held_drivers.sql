-- The manifest of each kept driver beside its packed bytes, so that reading the estate unpacks none. Empty for those that were
-- kept before.
ALTER TABLE driver_package ADD COLUMN manifest TEXT NOT NULL DEFAULT '';
