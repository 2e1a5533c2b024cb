-- What requests about messages need to know.

-- request: the id of the submit_multi that the message came in; 0: its own id is the one that the account knows.
-- reference: user_message_reference; -1: none. data_coding: as submitted; what goes out may be in another one.
ALTER TABLE message ADD COLUMN request INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN reference INTEGER NOT NULL DEFAULT -1;
ALTER TABLE message ADD COLUMN data_coding INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_by_request ON message (request) WHERE request <> 0;

-- Who asked with set_dpf to be told when a number can be reached again, and as whom.
CREATE TABLE alert (
    number      TEXT NOT NULL,
    account     TEXT NOT NULL,
    source_ton  INTEGER NOT NULL,
    source_npi  INTEGER NOT NULL,
    source_addr TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (number, account, source_addr)
) WITHOUT ROWID;
CREATE INDEX alert_by_age ON alert (at);
