-- Over which session a part came, so that messages under one reference are told apart; a number that sessions do not share.
ALTER TABLE held ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
