"""The tables of the SQLite tracking store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "tracking"
COUNT = 14
"""How many migrations there are; a store that has them all is opened without importing them."""


# Metrics: a series is one key of one run. Its row holds the latest point (so that searching needs
# no history) and its points follow in chunks of packed rows (step, timestamp, value; 24 bytes a
# point), so that a billion points are a few million rows. NaN is NULL, as SQLite has no NaN.
#
# Names of metrics, params and tags are kept once, in `name`; the experiment of a run is repeated
# beside its data, so that one index answers "in this experiment, this metric above x, best first".
#
# Texts of params and tags may be long, but are searched by their value: `value` holds the first
# HEAD characters, which keeps the indexes small, and `rest` what follows (NULL: nothing).
_FIRST = """
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle TEXT NOT NULL DEFAULT 'active',
    deleted_time INTEGER,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
) STRICT;

CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE writer (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    lifecycle TEXT NOT NULL DEFAULT 'active',
    deleted_time INTEGER,
    artifact_uri TEXT NOT NULL,
    writer TEXT
) STRICT;

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    experiment INTEGER NOT NULL,
    value REAL,
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    points INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    points INTEGER NOT NULL,
    least_step INTEGER NOT NULL,
    greatest_step INTEGER NOT NULL,
    ordered INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE param (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    experiment INTEGER NOT NULL,
    value TEXT NOT NULL,
    rest TEXT,
    number REAL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    experiment INTEGER NOT NULL,
    value TEXT NOT NULL,
    rest TEXT,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE input (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    PRIMARY KEY (run, dataset)
) STRICT, WITHOUT ROWID;

CREATE TABLE input_tag (
    run INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, dataset, key),
    FOREIGN KEY (run, dataset) REFERENCES input (run, dataset) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
"""

_INDEXES = """
CREATE UNIQUE INDEX series_of_run ON series (run, name);
CREATE INDEX series_by_value ON series (experiment, name, value, run);
CREATE INDEX param_by_value ON param (experiment, name, value, run);
CREATE INDEX param_by_number ON param (experiment, name, number, run) WHERE number IS NOT NULL;
CREATE INDEX tag_by_value ON tag (experiment, name, value, run);
CREATE INDEX run_by_start ON run (experiment, lifecycle, start_time DESC, run_id);
CREATE INDEX run_by_end ON run (experiment, lifecycle, end_time);
CREATE INDEX run_by_id ON run (experiment, lifecycle, run_id);
CREATE INDEX run_by_name ON run (experiment, lifecycle, name);
CREATE INDEX run_by_status ON run (experiment, lifecycle, status);
CREATE INDEX run_by_user ON run (experiment, lifecycle, user);
CREATE INDEX run_by_artifacts ON run (experiment, lifecycle, artifact_uri);
CREATE INDEX run_alive ON run (writer) WHERE status = 'RUNNING';
CREATE INDEX input_by_dataset ON input (dataset, run);
CREATE INDEX input_tag_by_value ON input_tag (key, value, run);
"""

# Logged models: few beside the points of metrics, so that a search looks at each model of the
# experiment. A metric of a model keeps all its points: they are one or a few per run and dataset.
_LOGGED_MODELS = """
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    artifact_location TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT,
    model_type TEXT,
    source_run_id TEXT,
    lifecycle TEXT NOT NULL DEFAULT 'active',
    deleted_time INTEGER
) STRICT;

CREATE TABLE model_param (
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    value TEXT NOT NULL,
    number REAL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_tag (
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    value TEXT NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_metric (
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES name (id),
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    value REAL,
    PRIMARY KEY (model, name, run, dataset_name, dataset_digest, step, timestamp)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_input (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    PRIMARY KEY (run, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_output (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    PRIMARY KEY (run, model, step)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_by_creation ON model (experiment, lifecycle, creation_time DESC, model_id);
CREATE INDEX model_by_name ON model (experiment, lifecycle, name);
CREATE INDEX model_metric_of_run ON model_metric (run);
CREATE INDEX model_input_by_model ON model_input (model);
CREATE INDEX model_output_by_model ON model_output (model);
"""


# The last numbered batch of each client that sends its journal (see `received`).
_RECEIVED = """
CREATE TABLE received (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX received_by_time ON received (seen);
"""

# The greatest timestamp of a series' points, and that of all its chunks but the last: what is later
# need not be looked for among the points that are there (see `series_held`). NULL, for both: an
# older version wrote the points. NULL for the second alone: there is no chunk but the last.
_TIMES_OF_SERIES = """
ALTER TABLE series ADD COLUMN newest INTEGER;
ALTER TABLE series ADD COLUMN settled INTEGER;
"""

# Which run was changed, in the order of the changes: those that a transaction makes to a run are
# noted once (see `changes`), those of its own row by triggers, as several places make them. Old
# ones are forgotten a part at a time.
_CHANGES = (
    "CREATE TABLE change (number INTEGER PRIMARY KEY, run INTEGER NOT NULL) STRICT",
    """CREATE TRIGGER change_forgets AFTER INSERT ON change WHEN NEW.number % 4096 = 0
    BEGIN DELETE FROM change WHERE number <= NEW.number - 65536; END""",
    """CREATE TRIGGER run_is_new AFTER INSERT ON run
    BEGIN INSERT INTO change (run) VALUES (NEW.id); END""",
    """CREATE TRIGGER run_changes
    AFTER UPDATE OF name, user, status, start_time, end_time, lifecycle ON run
    BEGIN INSERT INTO change (run) VALUES (NEW.id); END""",
    """CREATE TRIGGER run_is_gone AFTER DELETE ON run
    BEGIN INSERT INTO change (run) VALUES (OLD.id); END""",
)

# The extremes of large chunks whose steps and times rise, beside which a chunk need not be read
# (see `summaries`): its first and last time, and the values with their steps and times. They lie in
# a table of their own, as a scan of `chunk` reads pages of points.
_SUMMARIES = """
CREATE TABLE chunk_summary (
    id INTEGER PRIMARY KEY,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    least REAL NOT NULL,
    least_step INTEGER NOT NULL,
    least_time INTEGER NOT NULL,
    greatest REAL NOT NULL,
    greatest_step INTEGER NOT NULL,
    greatest_time INTEGER NOT NULL
) STRICT
"""


def migrations() -> Migrations:
    """Return the migrations; COUNT of them."""
    from sqlite_utils.migrations import Migrations

    from pegboard_tracking.tables import (
        schema_data_sets,
        schema_reviews,
        schema_scorers,
        schema_traces,
    )

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        _run(db, _FIRST + _INDEXES)

    @steps()
    def logged_models(db: object) -> None:
        _run(db, _LOGGED_MODELS)

    @steps()
    def received(db: object) -> None:
        _run(db, _RECEIVED)

    @steps()
    def traces(db: object) -> None:
        _run(db, schema_traces.TRACES)

    @steps()
    def prompts_and_costs(db: object) -> None:
        _run(db, schema_traces.PROMPTS_AND_COSTS)

    @steps()
    def words_of_spans(db: object) -> None:
        from pegboard_tracking.traces import index

        _run(db, schema_traces.WORDS)
        index.build(db.conn)  # type: ignore[attr-defined]

    @steps()
    def times_of_series(db: object) -> None:
        _run(db, _TIMES_OF_SERIES)

    @steps()
    def changes(db: object) -> None:
        for statement in _CHANGES:
            db.conn.execute(statement)  # type: ignore[attr-defined]

    @steps()
    def summaries_of_chunks(db: object) -> None:
        from pegboard_tracking.tables import summaries

        _run(db, _SUMMARIES)
        summaries.add_missing(db.conn)  # type: ignore[attr-defined]

    @steps()
    def data_sets(db: object) -> None:
        _run(db, schema_data_sets.DATA_SETS)

    @steps()
    def scorers(db: object) -> None:
        _run(db, schema_scorers.SCORERS)

    @steps()
    def scoring_tasks(db: object) -> None:
        for statement in schema_scorers.TASKS:
            db.conn.execute(statement)  # type: ignore[attr-defined]

    @steps()
    def reviews(db: object) -> None:
        _run(db, schema_reviews.REVIEWS)

    @steps()
    def orders_of_traces(db: object) -> None:
        _run(db, schema_traces.ORDERS)

    return steps


def _run(db: object, statements: str) -> None:
    connection = db.conn  # type: ignore[attr-defined]
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)
