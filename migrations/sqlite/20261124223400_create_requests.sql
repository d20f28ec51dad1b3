-- Requests that are over: what they are found by, and all that is known of them as one document that only people read.
CREATE TABLE requests (
    sequence    INTEGER NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    received_ms INTEGER NOT NULL,
    target      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    fault       TEXT,
    instance    TEXT,
    attempts    INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL,
    document    TEXT    NOT NULL CHECK (json_valid(document))
) STRICT;

CREATE INDEX requests_by_moment ON requests (received_ms, sequence);
