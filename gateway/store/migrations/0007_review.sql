-- What decides about texts that may be opt-outs, and a chain over all evidence.

-- Numbers whose texts a person is to read: until when; after that they count as opt-outs. account, code: as in
-- blacklist; evidence: the text.
CREATE TABLE review (
    number   TEXT NOT NULL,
    account  TEXT NOT NULL,
    code     TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    evidence INTEGER NOT NULL,
    PRIMARY KEY (number, account, code)
) WITHOUT ROWID;
CREATE INDEX review_by_deadline ON review (until);

-- esm_class: says whether octets begin with a header. vocabulary, language: which word lists read the text, and in which language it was understood. position, hash: the
-- row's place in the chain; hash covers digest and the hash before it, digest the row with its nonce. What has been
-- purged keeps its digest, and has no nonce any more, so that nobody can find out what it was.
ALTER TABLE evidence ADD COLUMN esm_class INTEGER NOT NULL DEFAULT 0;
ALTER TABLE evidence ADD COLUMN vocabulary TEXT NOT NULL DEFAULT '';
ALTER TABLE evidence ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE evidence ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE evidence ADD COLUMN nonce TEXT NOT NULL DEFAULT '';
ALTER TABLE evidence ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE evidence ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX evidence_in_order ON evidence (position) WHERE position > 0;

-- parts: how many segments the row's message has. begun: an operator has taken one of several.
ALTER TABLE spool ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE message ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
