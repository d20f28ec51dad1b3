-- The configurations that were in force, in order; secrets in the documents are references or missing.
CREATE TABLE config_revisions (
    number       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    accepted_ms  INTEGER NOT NULL,
    who          TEXT    NOT NULL,
    why          TEXT    NOT NULL,
    content_hash TEXT    NOT NULL,
    changes      TEXT    NOT NULL,
    documents    TEXT    NOT NULL CHECK (json_valid(documents))
) STRICT;
