-- Confirmations and what became of them, heads of chains, and the balances of accounts.

-- One row for each confirmation that was sent: its message, and the evidence of the opt-out that it is about.
CREATE TABLE confirmation (
    message  INTEGER PRIMARY KEY,
    number   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    account  TEXT NOT NULL,
    code     TEXT NOT NULL,
    operator TEXT NOT NULL,
    evidence INTEGER NOT NULL
);
CREATE INDEX confirmation_by_number ON confirmation (number, at);

-- Where each hash chain ends, kept apart from it: rows that are cut off at its end are missed. No row: an empty chain.
CREATE TABLE chain_head (
    chain    TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    hash     TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO chain_head SELECT 'ledger', position, hash FROM ledger ORDER BY position DESC LIMIT 1;

-- note: why credits were granted, what a debit sums up.
ALTER TABLE ledger ADD COLUMN note TEXT NOT NULL DEFAULT '';
CREATE INDEX ledger_by_message ON ledger (message) WHERE message <> '';
CREATE INDEX ledger_by_account ON ledger (account, position);

-- credits: what an account may still spend, the sum of its ledger less what is pending: credits that were debited for
-- so many messages since an instant, and are in the ledger soon.
CREATE TABLE balance (
    account  TEXT PRIMARY KEY,
    credits  INTEGER NOT NULL,
    pending  INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    since    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO balance (account, credits) SELECT account, -sum(credits) FROM ledger GROUP BY account;
