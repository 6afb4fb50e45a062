-- What bounds a level whatever path gives it: nobody has more on `object` than the higher of `cap` and what they have on
-- `lifted_by` (empty: nothing lifts it). `deep` is 1 when everything the object contains is bound as well.
CREATE TABLE ceiling (
  id INTEGER PRIMARY KEY AUTOINCREMENT, object TEXT NOT NULL, kind TEXT NOT NULL, cap BIGINT NOT NULL, lifted_by TEXT NOT NULL,
  deep BIGINT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL);
CREATE UNIQUE INDEX ceiling_once ON ceiling (object, kind);
