-- What the HTTP interface needs.

-- Answers to submissions that came with an Idempotency-Key: the same request again gets the same answer. digest: the
-- SHA-256 of the request. status, message, reason, segments: the answer.
CREATE TABLE idempotency (
    account  TEXT NOT NULL,
    key      TEXT NOT NULL,
    digest   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    segments INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at);

-- Keys that were made on the command line. hash: the SHA-256 of the key. hint: how the key begins. expires: 0 is never.
CREATE TABLE api_key (
    id      INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    hash    TEXT NOT NULL UNIQUE,
    hint    TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
);

-- channel: how a message came in, and so where its receipt goes: smpp or http.
ALTER TABLE message ADD COLUMN channel TEXT NOT NULL DEFAULT 'smpp';

-- Events for webhooks, which have no command, in their lanes 'webhook/NAME': those of one number go out in order.
CREATE INDEX spool_events ON spool (lane, number, id) WHERE command = 0;
