"""The tables of label schemas and review queues in the SQLite tracking store."""

from __future__ import annotations

# The few users and questions of a queue are JSON in its row. `name_key` is what names of queues are
# told apart by.
REVIEWS = """
CREATE TABLE label_schema (
    id INTEGER PRIMARY KEY,
    schema_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    input TEXT NOT NULL,
    instruction TEXT,
    enable_comment INTEGER NOT NULL,
    created_by TEXT,
    created_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    is_default INTEGER NOT NULL,
    UNIQUE (experiment, name)
) STRICT;

CREATE TABLE review_queue (
    id INTEGER PRIMARY KEY,
    queue_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_by TEXT,
    users TEXT NOT NULL,
    schema_ids TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    UNIQUE (experiment, name_key)
) STRICT;

CREATE TABLE review_item (
    queue INTEGER NOT NULL REFERENCES review_queue (id) ON DELETE CASCADE,
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    completed_by TEXT,
    completed_time INTEGER,
    created_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    PRIMARY KEY (queue, trace)
) STRICT, WITHOUT ROWID;

CREATE INDEX review_item_of_trace ON review_item (trace);
"""
