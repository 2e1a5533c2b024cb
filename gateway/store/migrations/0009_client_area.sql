-- What the client area needs to remember.

-- Who is logged in. digest: SHA-256 of the token that the browser has. who: the account's name, or the administrator's.
-- account: whose pages are shown ('': no account's yet). proof: of the password as it was; another one ends the login.
CREATE TABLE login (
    digest  TEXT PRIMARY KEY,
    who     TEXT NOT NULL,
    admin   INTEGER NOT NULL,
    account TEXT NOT NULL,
    proof   TEXT NOT NULL,
    begun   INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_by_age ON login (seen);

-- What an account has set for itself; counts before the configuration.
CREATE TABLE setting (
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

-- What an account has handed in, newest first.
CREATE INDEX message_by_account ON message (account, id);
