-- What changed in the permission graph, so that whoever holds it in memory reads no more than that. A row is written by
-- triggers, in the transaction that made the change: the rows from `subject` to `object` are to be read again, or, where
-- `subject` is empty, the ceilings of `object`. The largest id is the graph's version; old rows go, oldest first.
CREATE TABLE relation_change (id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, object TEXT NOT NULL);
INSERT INTO relation_change (subject, object) VALUES ('', '');
DROP TABLE relation_version;

-- [sqlite]
CREATE TRIGGER relation_inserted AFTER INSERT ON relation BEGIN
  INSERT INTO relation_change (subject, object) VALUES (NEW.subject, NEW.object);
END;
CREATE TRIGGER relation_updated AFTER UPDATE ON relation BEGIN
  INSERT INTO relation_change (subject, object)
  SELECT OLD.subject, OLD.object UNION SELECT NEW.subject, NEW.object;
END;
CREATE TRIGGER relation_deleted AFTER DELETE ON relation BEGIN
  INSERT INTO relation_change (subject, object) VALUES (OLD.subject, OLD.object);
END;
CREATE TRIGGER ceiling_inserted AFTER INSERT ON ceiling BEGIN
  INSERT INTO relation_change (subject, object) VALUES ('', NEW.object);
END;
CREATE TRIGGER ceiling_updated AFTER UPDATE ON ceiling BEGIN
  INSERT INTO relation_change (subject, object) SELECT '', OLD.object UNION SELECT '', NEW.object;
END;
CREATE TRIGGER ceiling_deleted AFTER DELETE ON ceiling BEGIN
  INSERT INTO relation_change (subject, object) VALUES ('', OLD.object);
END;
CREATE TRIGGER relation_change_forgotten AFTER INSERT ON relation_change WHEN NEW.id % 1000 = 0 BEGIN
  DELETE FROM relation_change WHERE id <= NEW.id - 50000;
END;
-- [postgres]
-- The lock hands out ids in the order of commits, whichever connection writes: who has read up to one id misses none.
CREATE FUNCTION relation_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7236837413021376102);
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO relation_change (subject, object) SELECT DISTINCT subject, object FROM gone;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO relation_change (subject, object) SELECT DISTINCT subject, object FROM fresh;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION ceiling_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7236837413021376102);
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO relation_change (subject, object) SELECT DISTINCT '', object FROM gone;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO relation_change (subject, object) SELECT DISTINCT '', object FROM fresh;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION relation_change_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM relation_change WHERE id <= NEW.id - 50000;
  RETURN NULL;
END $$;
CREATE TRIGGER relation_inserted AFTER INSERT ON relation
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION relation_changed();
CREATE TRIGGER relation_updated AFTER UPDATE ON relation
  REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION relation_changed();
CREATE TRIGGER relation_deleted AFTER DELETE ON relation
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION relation_changed();
CREATE TRIGGER ceiling_inserted AFTER INSERT ON ceiling
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ceiling_changed();
CREATE TRIGGER ceiling_updated AFTER UPDATE ON ceiling
  REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ceiling_changed();
CREATE TRIGGER ceiling_deleted AFTER DELETE ON ceiling
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION ceiling_changed();
CREATE TRIGGER relation_change_forgotten AFTER INSERT ON relation_change
  FOR EACH ROW WHEN (NEW.id % 1000 = 0) EXECUTE FUNCTION relation_change_forgotten();
-- [both]
