-- The definitions of task groups: one document each, replaced as a whole under an optimistic version.
CREATE TABLE task_groups (
    name     TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL CHECK (version >= 1),
    document TEXT    NOT NULL CHECK (json_valid(document))
) STRICT;
