-- The first schema, in SQLite's words; other engines replace the names of types. What only one engine has stands in a
-- file beside this one. Times are milliseconds since 1970, UTC. Identifiers come from gateway/store/ids.py.

-- The processes that share this database; the number is part of every identifier that they make. holder marks the
-- spool's rows that the node holds: new each time it joins, NULL when it has left or was taken for dead. lease: until
-- when commands that want the database to themselves take it for alive. round: the key of its last committed round.
-- As long as that changes nobody takes the node for dead.
CREATE TABLE node (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    holder INTEGER,
    lease  INTEGER NOT NULL DEFAULT 0,
    round  INTEGER NOT NULL DEFAULT 0
);

-- How many links the node under a holder token has to the peer of a lane, or binds of an account.
CREATE TABLE presence (
    name   TEXT NOT NULL,
    holder INTEGER NOT NULL,
    links  INTEGER NOT NULL,
    PRIMARY KEY (name, holder)
) WITHOUT ROWID;

-- What part of a limited rate the node under a holder token may use, and would like to: thousandths of segments a
-- second. The amounts under one name never exceed its rate.
CREATE TABLE share (
    name   TEXT NOT NULL,
    holder INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    wanted INTEGER NOT NULL,
    PRIMARY KEY (name, holder)
) WITHOUT ROWID;

-- What an account handed in and we accepted (account '' is the platform: confirmations).
-- state is message_state of SMPP 3.4 section 5.2.28; it leaves ENROUTE (1) once. open counts segments without an outcome.
CREATE TABLE message (
    id           INTEGER PRIMARY KEY,
    account      TEXT NOT NULL,
    source_ton   INTEGER NOT NULL,
    source_npi   INTEGER NOT NULL,
    source_addr  TEXT NOT NULL,
    dest_ton     INTEGER NOT NULL,
    dest_npi     INTEGER NOT NULL,
    dest_addr    TEXT NOT NULL,
    number       TEXT NOT NULL,
    submitted    INTEGER NOT NULL,
    registered   INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    excerpt      TEXT NOT NULL,
    segments     INTEGER NOT NULL,
    open         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    worst        INTEGER NOT NULL DEFAULT 0,
    error        TEXT NOT NULL DEFAULT '',
    done         INTEGER
);

-- Work still to do. A lane is one peer's ordered queue: 'operator/NAME' or 'account/NAME'.
-- claimed is the holder token of the node that has the row in memory; NULL: it waits for due.
CREATE TABLE spool (
    id       INTEGER PRIMARY KEY,
    lane     TEXT NOT NULL,
    claimed  INTEGER,
    due      INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    message  INTEGER NOT NULL,
    number   TEXT NOT NULL,
    command  INTEGER NOT NULL,
    body     BLOB NOT NULL
);
CREATE INDEX spool_waiting ON spool (lane, due, id) WHERE claimed IS NULL;
CREATE INDEX spool_waiting_message ON spool (message) WHERE claimed IS NULL;
CREATE INDEX spool_waiting_number ON spool (number) WHERE claimed IS NULL AND number <> '';
CREATE INDEX spool_expiring ON spool (expires) WHERE claimed IS NULL;

-- Segments that an operator has taken and has not reported on, by the operator's own (normalised) message_id. segments:
-- how many of the message it has taken under that one id.
CREATE TABLE sent (
    operator  TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    message   INTEGER NOT NULL,
    segments  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (operator, remote_id)
) WITHOUT ROWID;
CREATE INDEX sent_by_age ON sent (at);

-- Receipts that overtook the submit_sm_resp they belong to, or belong to nothing.
CREATE TABLE parked (
    id        INTEGER PRIMARY KEY,
    operator  TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    at        INTEGER NOT NULL,
    state     INTEGER NOT NULL,
    error     TEXT NOT NULL
);
CREATE INDEX parked_by_id ON parked (operator, remote_id);
CREATE INDEX parked_by_age ON parked (at);

-- Who sent marketing to whom, through which code ('web': the web mention), last when.
CREATE TABLE contact (
    number    TEXT NOT NULL,
    code      TEXT NOT NULL,
    account   TEXT NOT NULL,
    last_sent INTEGER NOT NULL,
    PRIMARY KEY (number, code, account)
) WITHOUT ROWID;

-- Numbers that have opted out of an account's marketing (account '*': of everybody's; everything 1: of all traffic).
CREATE TABLE blacklist (
    number     TEXT NOT NULL,
    account    TEXT NOT NULL,
    since      INTEGER NOT NULL,
    source     TEXT NOT NULL,
    code       TEXT NOT NULL,
    everything INTEGER NOT NULL DEFAULT 0,
    evidence   INTEGER NOT NULL,
    PRIMARY KEY (number, account)
) WITHOUT ROWID;

-- Every text that reached a short code of ours, every change of the blacklist, and what was decided why.
CREATE TABLE evidence (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    number      TEXT NOT NULL,
    code        TEXT NOT NULL,
    source      TEXT NOT NULL,
    operator    TEXT NOT NULL,
    data_coding INTEGER NOT NULL,
    octets      BLOB NOT NULL,
    normalised  TEXT NOT NULL,
    rule        TEXT NOT NULL,
    effect      TEXT NOT NULL,
    accounts    TEXT NOT NULL,
    note        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX evidence_by_number ON evidence (number, at);

-- Append-only. Each row's hash covers the row and the hash before it.
CREATE TABLE ledger (
    position INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    account  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    credits  INTEGER NOT NULL,
    number   TEXT NOT NULL,
    code     TEXT NOT NULL,
    source   TEXT NOT NULL,
    message  TEXT NOT NULL,
    evidence INTEGER NOT NULL,
    hash     TEXT NOT NULL
);
