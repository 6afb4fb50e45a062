-- What a message goes through: a channel that somebody set up, so that its owner sees whether it works.
ALTER TABLE delivery ADD COLUMN via TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_via ON delivery (workspace, via, id) WHERE via <> '';
