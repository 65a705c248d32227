"""The tables of data sets for evaluation in the SQLite tracking store."""

from __future__ import annotations

# A row of `data_set_record` is a record as it was from version `since` on, up to before version
# `until` (NULL: it still is), so that a version costs what it changes, and a record that is changed
# is there twice. `place` orders the records; it and `record_id` stay, also when a record is removed
# and comes again. `key` is the hash of the inputs, `content` that of all that a record says; `sum`
# of a data set is that of all contents (`content.element`). Texts are JSON.
DATA_SETS = """
CREATE TABLE data_set (
    id INTEGER PRIMARY KEY,
    data_set_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by TEXT,
    last_updated_by TEXT,
    schema TEXT,
    version INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    sum BLOB NOT NULL,
    digest TEXT NOT NULL
) STRICT;

CREATE TABLE data_set_tag (
    data_set INTEGER NOT NULL REFERENCES data_set (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (data_set, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_set_experiment (
    data_set INTEGER NOT NULL REFERENCES data_set (id) ON DELETE CASCADE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    PRIMARY KEY (data_set, experiment)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_set_version (
    data_set INTEGER NOT NULL REFERENCES data_set (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    records INTEGER NOT NULL,
    created_time INTEGER NOT NULL,
    created_by TEXT,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (data_set, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_set_record (
    id INTEGER PRIMARY KEY,
    data_set INTEGER NOT NULL REFERENCES data_set (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    record_id TEXT NOT NULL,
    key BLOB NOT NULL,
    content BLOB NOT NULL,
    inputs TEXT NOT NULL,
    outputs TEXT,
    expectations TEXT,
    tags TEXT NOT NULL,
    source TEXT,
    created_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by TEXT,
    last_updated_by TEXT
) STRICT;

CREATE INDEX data_set_by_name ON data_set (name);
CREATE INDEX data_set_by_time ON data_set (created_time DESC, data_set_id DESC);
CREATE INDEX data_set_tag_by_value ON data_set_tag (key, value, data_set);
CREATE INDEX data_set_by_experiment ON data_set_experiment (experiment, data_set);
CREATE INDEX data_set_version_by_digest ON data_set_version (data_set, digest, version);
CREATE UNIQUE INDEX record_by_key ON data_set_record (data_set, key, since);
CREATE UNIQUE INDEX record_by_id ON data_set_record (data_set, record_id) WHERE until IS NULL;
CREATE UNIQUE INDEX record_by_place ON data_set_record (data_set, place) WHERE until IS NULL;
CREATE UNIQUE INDEX record_of_version ON data_set_record (data_set, place, since, until);
"""
