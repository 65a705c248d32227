"""The tables of registered scorers in the SQLite tracking store."""

from __future__ import annotations

# `last` is the highest number that a version had, so that none comes again.
SCORERS = """
CREATE TABLE scorer (
    id INTEGER PRIMARY KEY,
    scorer_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    UNIQUE (experiment, name)
) STRICT;

CREATE TABLE scorer_version (
    id INTEGER PRIMARY KEY,
    scorer INTEGER NOT NULL REFERENCES scorer (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    serialized TEXT NOT NULL,
    created_time INTEGER NOT NULL,
    UNIQUE (scorer, version)
) STRICT;

CREATE TABLE scorer_schedule (
    scorer INTEGER PRIMARY KEY REFERENCES scorer (id) ON DELETE CASCADE,
    schedule_id TEXT NOT NULL,
    sample_rate REAL NOT NULL,
    filter TEXT NOT NULL
) STRICT;
"""
