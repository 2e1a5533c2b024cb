-- price: the prepaid credits that a message has cost; they are given back where it ends before anything of it was sent.
ALTER TABLE message ADD COLUMN price INTEGER NOT NULL DEFAULT 0;
