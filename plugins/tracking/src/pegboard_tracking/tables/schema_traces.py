"""The tables of traces in the SQLite tracking store."""

from __future__ import annotations

# Traces: the outline in columns that are searched, the spans as compressed JSON beside the few
# columns that filters name. A trace's name, a tag like others on the outside, has a column.
TRACES = """
CREATE TABLE trace (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    request_time INTEGER NOT NULL,
    duration INTEGER,
    state TEXT NOT NULL,
    name TEXT,
    client_request_id TEXT,
    request_preview TEXT,
    response_preview TEXT,
    outlined INTEGER NOT NULL
) STRICT;

CREATE TABLE trace_tag (
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    value TEXT NOT NULL,
    PRIMARY KEY (trace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE trace_metadata (
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    value TEXT NOT NULL,
    PRIMARY KEY (trace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    span_id TEXT NOT NULL,
    parent_id TEXT,
    name INTEGER NOT NULL REFERENCES name (id),
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    content BLOB NOT NULL
) STRICT;

CREATE TABLE assessment (
    id INTEGER PRIMARY KEY,
    assessment_id TEXT NOT NULL UNIQUE,
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name INTEGER NOT NULL REFERENCES name (id),
    value TEXT NOT NULL,
    number REAL,
    error TEXT,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    rationale TEXT,
    metadata TEXT NOT NULL,
    span_id TEXT,
    create_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    overrides TEXT,
    valid INTEGER NOT NULL
) STRICT;

CREATE TABLE trace_of_run (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    PRIMARY KEY (run, trace)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_by_time ON trace (experiment, request_time DESC, trace_id);
CREATE INDEX trace_by_state ON trace (experiment, state, request_time DESC, trace_id);
CREATE INDEX trace_by_name ON trace (experiment, name, request_time DESC, trace_id);
CREATE INDEX trace_by_duration ON trace (experiment, duration);
CREATE INDEX trace_by_client_request ON trace (client_request_id)
    WHERE client_request_id IS NOT NULL;
CREATE INDEX trace_tag_by_value ON trace_tag (name, value, trace);
CREATE INDEX trace_metadata_by_value ON trace_metadata (name, value, trace);
CREATE UNIQUE INDEX span_of_trace ON span (trace, span_id);
CREATE INDEX span_by_name ON span (name, trace);
CREATE INDEX span_by_status ON span (status, trace) WHERE status = 'ERROR';
CREATE INDEX span_by_type ON span (type, trace);
CREATE INDEX assessment_of_trace ON assessment (trace);
CREATE INDEX assessment_by_value ON assessment (kind, name, value, trace);
CREATE INDEX assessment_by_number ON assessment (kind, name, number, trace);
CREATE INDEX trace_of_run_by_trace ON trace_of_run (trace);
"""

# Versions of prompts that traces used (NAME/VERSION, in `name`), and what spans say about language
# models: only those that do have a row. `usage` is JSON, as the span's attribute is.
PROMPTS_AND_COSTS = """
CREATE TABLE prompt_of_trace (
    prompt INTEGER NOT NULL REFERENCES name (id),
    trace INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    PRIMARY KEY (prompt, trace)
) STRICT, WITHOUT ROWID;

CREATE TABLE llm_call (
    span INTEGER PRIMARY KEY REFERENCES span (id) ON DELETE CASCADE ON UPDATE CASCADE,
    model TEXT,
    provider TEXT,
    input_cost REAL,
    output_cost REAL,
    total_cost REAL,
    usage TEXT
) STRICT;

CREATE INDEX prompt_of_trace_by_trace ON prompt_of_trace (trace);
"""

# The index of words in spans (see `trace_index`). `words` has a table of its own, as a search looks
# through those of all segments, and at the rest of few.
WORDS = """
DROP INDEX span_by_status;
CREATE INDEX span_by_status ON span (status, trace);

CREATE TABLE span_segment (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    words BLOB NOT NULL
) STRICT;

CREATE TABLE span_posting (
    segment INTEGER PRIMARY KEY REFERENCES span_segment (first) ON DELETE CASCADE,
    traces BLOB NOT NULL,
    singles BLOB NOT NULL,
    starts BLOB NOT NULL,
    lists BLOB NOT NULL
) STRICT;
"""

# The slowest first, and the failed and then the slowest first: with all that these orders go on
# with, as an index answers for several experiments only where nothing is left to sort. Of indexes
# that cost the same by SQLite's estimate it takes the last made: that of the times, which most
# searches are ordered by.
ORDERS = """
DROP INDEX trace_by_duration;
DROP INDEX trace_by_time;
CREATE INDEX trace_by_duration ON trace (experiment, duration DESC, request_time DESC, trace_id);
CREATE INDEX trace_by_failure
    ON trace (experiment, state, duration IS NULL, duration DESC, request_time DESC, trace_id);
CREATE INDEX trace_by_time ON trace (experiment, request_time DESC, trace_id);
"""
