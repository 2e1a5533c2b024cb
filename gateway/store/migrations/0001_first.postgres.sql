-- The ledger is append-only, whoever asks.
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER ledger_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- What the node of a dead process holds is found without reading the whole spool.
CREATE INDEX spool_claimed ON spool (claimed) WHERE claimed IS NOT NULL;

-- Every row of the spool is changed and deleted soon: room in each page for the change, and no long wait for a vacuum,
-- whose thresholds are otherwise a part of a table that is sometimes huge and mostly empty. Likewise the others that
-- turn over as fast.
ALTER TABLE spool SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
ALTER TABLE sent SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
ALTER TABLE message SET (fillfactor = 80);
ALTER TABLE node SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
