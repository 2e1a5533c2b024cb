-- doubtful: 1 for a part that was here before the text it waits under began, and belongs behind its beginning: probably
-- none of its parts.
ALTER TABLE inbound ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
