-- Parts of long texts to a short code, which wait for each other.

-- until: when what there is is read without the rest. octets: as the operator sent them, their header included; the
-- sar_* parameters are in reference, total and place.
CREATE TABLE inbound (
    number      TEXT NOT NULL,
    code        TEXT NOT NULL,
    wide        INTEGER NOT NULL,
    reference   INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    operator    TEXT NOT NULL,
    source_ton  INTEGER NOT NULL,
    source_npi  INTEGER NOT NULL,
    source_addr TEXT NOT NULL,
    dest_ton    INTEGER NOT NULL,
    dest_npi    INTEGER NOT NULL,
    esm_class   INTEGER NOT NULL,
    data_coding INTEGER NOT NULL,
    octets      BLOB NOT NULL,
    PRIMARY KEY (number, code, wide, reference, total, place)
) WITHOUT ROWID;
CREATE INDEX inbound_by_age ON inbound (until);
