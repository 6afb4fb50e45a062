-- Hash of the release whose configuration a release repeats: made because permissions changed, and nothing else.
ALTER TABLE edge_release ADD COLUMN repeats TEXT;
