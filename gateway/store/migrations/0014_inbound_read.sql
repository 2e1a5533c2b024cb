-- Parts of long texts to a code that have been read, so that one that an operator hands over again is recognised.

-- digest: of what the part says, for the parts themselves are gone; at: when their text was read. One place may be there
-- several times: references come around.
CREATE TABLE inbound_read (
    number      TEXT NOT NULL,
    code        TEXT NOT NULL,
    wide        INTEGER NOT NULL,
    reference   INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (number, code, wide, reference, total, place, digest)
) WITHOUT ROWID;
CREATE INDEX inbound_read_by_age ON inbound_read (at);
