-- People look through the blacklist newest first, an account at a time.
CREATE INDEX blacklist_newest ON blacklist (account, since, number);
