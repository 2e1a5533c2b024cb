-- Accounts are served in turn, and higher priorities first.

-- account: whose message a row of an operator's lane is ('': the platform's own; in the lanes of accounts always).
-- priority: its priority_flag.
ALTER TABLE spool ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE spool ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
CREATE INDEX spool_in_turn ON spool (lane, priority, account, due, id) WHERE claimed IS NULL;

-- closes: when the hours end within which a row may be sent; 0: never.
ALTER TABLE spool ADD COLUMN closes INTEGER NOT NULL DEFAULT 0;
