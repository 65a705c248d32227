"""No search reads a whole table: every statement goes through an index (T13)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence

import pytest
from benchmarks import search as benchmark
from pegboard.entities import ViewType
from pegboard_stores.filters import RUNS, parse_filter, parse_order_by
from pegboard_tracking.search import queries
from pegboard_tracking.search.sets import Limits

MORE: tuple[tuple[str, Sequence[str]], ...] = (
    ("dataset.name != 'a'", ()),
    ("dataset.digest LIKE 'a%'", ("params.p0",)),
    ("dataset.context = 'training'", ()),
    ("datasets.context IS NULL", ()),
    ("datasets.name IS NOT NULL", ()),
    ("end_time IS NULL", ()),
    ("metrics.m0 IS NULL", ("end_time DESC",)),
    ("NOT metrics.m0 > 0.1", ("tags.stage",)),
    ("params.p0 IN ('vit', 'svm') OR tags.stage = 'dev'", ("params.p1",)),
    ("run_id NOT IN ('a')", ("run_id DESC",)),
    ("artifact_uri = 'a' OR user_id != 'b'", ("user_id DESC",)),
    ("", ("artifact_uri",)),
)
PLANS = (
    Limits(),
    Limits(few=0, some=0, steps=-10_000),
    Limits(few=0, some=0, steps=-10_000, sorted=0, ties=0),
    Limits(few=0, some=0, steps=100_000, ties=3),
)

# These are not tables: lists that are bound as JSON, and what a subquery found.
_NO_TABLE = re.compile(r"SCAN (\w+ VIRTUAL TABLE|\(subquery|(\d+ )?CONSTANT ROW|SUBQUERY)")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    made = benchmark.build(tmp_path_factory.mktemp("store"), 300, experiments=3)
    made.executescript(
        "INSERT INTO dataset VALUES (1, 1, 'a', 'd', 'local', '{}', NULL, NULL);"
        "INSERT INTO input SELECT id, 1 FROM run WHERE experiment = 1;"
        "INSERT INTO input_tag SELECT run, 1, 'mlflow.data.context', 'training' FROM input;"
    )
    yield made
    made.close()


def _statements(
    connection: sqlite3.Connection, text: str, order: Sequence[str], experiments: Sequence[int]
) -> set[str]:
    """Return all statements that searching and loading take, by every plan."""
    found: set[str] = set()
    expr, order_by = parse_filter(text, RUNS), parse_order_by(order, RUNS)
    connection.set_trace_callback(found.add)
    try:
        for limits in PLANS:
            token = None
            for _ in range(3):
                rows, token = queries.search_run_rows(
                    connection,
                    experiments,
                    expr,
                    order_by,
                    ViewType.ACTIVE_ONLY,
                    20,
                    token,
                    limits=limits,
                )
                queries.load_runs(connection, rows)
                if token is None:
                    break
    finally:
        connection.set_trace_callback(None)
    return {each for each in found if each.startswith("SELECT")}


def _scans(connection: sqlite3.Connection, statement: str) -> list[str]:
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [step for step in plan if step.startswith("SCAN") and not _NO_TABLE.match(step)]


@pytest.mark.parametrize("query", [*benchmark.QUERIES, *MORE], ids=lambda q: f"{q[0]} {q[1]}")
@pytest.mark.parametrize("experiments", [[1], [1, 2, 3]], ids=["one", "three"])
def test_no_search_scans_a_table(
    connection: sqlite3.Connection, query: tuple[str, Sequence[str]], experiments: Sequence[int]
) -> None:
    statements = _statements(connection, *query, experiments)
    assert statements
    for statement in statements:
        assert _scans(connection, statement) == [], statement


def test_a_scan_would_be_noticed(connection: sqlite3.Connection) -> None:
    for statement in (
        "SELECT id FROM run WHERE end_time + 1 > 5",
        "SELECT run FROM param WHERE value = 'a'",
        "SELECT r.id FROM json_each('[1]') j CROSS JOIN run r WHERE r.name LIKE j.value",
    ):
        assert _scans(connection, statement)
