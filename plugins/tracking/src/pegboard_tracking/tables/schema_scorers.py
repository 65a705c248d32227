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

# Traces up to row `seen` are no matter of a schedule any more. When the last trace is removed, a
# new one may get its row, so `seen` goes back to the last that is left.
TASKS = (
    "ALTER TABLE scorer_schedule ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",
    "UPDATE scorer_schedule SET seen = (SELECT coalesce(max(id), 0) FROM trace)",
    """CREATE TABLE scoring_task (
        id INTEGER PRIMARY KEY,
        scorer INTEGER NOT NULL REFERENCES scorer (id) ON DELETE CASCADE,
        trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
        free_at INTEGER NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        UNIQUE (scorer, trace)
    ) STRICT""",
    "CREATE INDEX scoring_task_free ON scoring_task (free_at, id)",
    "CREATE INDEX scoring_task_of_trace ON scoring_task (trace)",
    """CREATE TRIGGER last_trace_is_gone AFTER DELETE ON trace
    WHEN OLD.id > (SELECT coalesce(max(id), 0) FROM trace)
    BEGIN
        UPDATE scorer_schedule
        SET seen = min(seen, (SELECT coalesce(max(id), 0) FROM trace));
    END""",
)
