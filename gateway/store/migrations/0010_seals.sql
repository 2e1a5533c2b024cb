-- Secrets of the gateway's own that all nodes share, such as the one that tickets of forms are sealed with.
CREATE TABLE seal (
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL
);
