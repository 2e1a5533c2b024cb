-- Parts of messages that apps cut themselves.

-- One row for each part that waits for the others of its bundle: the parts that are taken for one message, named after
-- the first that came. until: when the bundle's time is over. due, expires: as asked for with the part. body: the
-- submit_sm as submitted. id is that of the part's own message.
CREATE TABLE held (
    id          INTEGER PRIMARY KEY,
    bundle      INTEGER NOT NULL,
    account     TEXT NOT NULL,
    number      TEXT NOT NULL,
    source_addr TEXT NOT NULL,
    wide        INTEGER NOT NULL,
    reference   INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    body        BLOB NOT NULL
);
CREATE INDEX held_by_number ON held (number, account, reference);
CREATE INDEX held_by_bundle ON held (bundle);
CREATE INDEX held_by_age ON held (until);

-- joined: of each part of a message that was joined, the part whose segments went out; its state is that of all. 0: the
-- message was submitted whole.
ALTER TABLE message ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_by_joined ON message (joined) WHERE joined <> 0;
