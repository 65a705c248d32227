"""Searching: every way to go about it finds the same, and none reads more than it needs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.contracts.registry import ModelRegistry
from pegboard_registry.memory.registry import MemoryRegistry
from pegboard_registry.store import search
from pegboard_registry.store.search import MODELS, VERSIONS, Limits, Table
from pegboard_registry.store.sqlite import SqliteRegistry

WAYS = (
    Limits(),
    Limits(few=0, first=0),
    Limits(few=2, first=3),
    Limits(few=100_000),
    Limits(few=0, first=100_000),
)

NAMES = ["ant", "Ant", "bee", "cow_1", "a%b", "x" * 140]
TEXTS = ["a", "b", "ab", "B", "x" * 127, "x" * 128, "x" * 128 + "a", "x" * 128 + "b", ""]
PROMPT = "mlflow.prompt.is_prompt"


def fill(registry: ModelRegistry) -> None:
    """Put the same into every registry."""
    for i, name in enumerate(NAMES):
        tags = {"t": TEXTS[i % len(TEXTS)]} | ({"u": "1"} if i % 2 else {})
        registry.create_model(name, tags=tags | ({PROMPT: "true"} if name == "bee" else {}))
    n = 0
    for j in range(4):
        for i, name in enumerate(NAMES):
            if (i + j) % 3 == 0:
                continue
            n += 1
            registry.create_version(
                name,
                f"s3://b/{TEXTS[n % 5]}/{n % 4}",
                run_id=None if n % 4 == 0 else f"r{n % 5}",
                model_id=f"m-{n}" if n % 2 else None,
                tags={"t": TEXTS[n % len(TEXTS)]} | ({"u": "1"} if n % 3 else {}),
            )


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[SqliteRegistry, MemoryRegistry]]:
    disk = SqliteRegistry(tmp_path_factory.mktemp("r") / "r.db", synchronous="normal")
    memory = MemoryRegistry()
    fill(disk)
    fill(memory)
    yield disk, memory
    disk.close()


_quoted = st.sampled_from(TEXTS + NAMES + ["r1", "%", "a%", "%a", "x%", "_", "s3://b/a/1"]).map(
    lambda text: f"'{text}'"
)
_textual = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), _quoted),
    st.lists(_quoted, min_size=1, max_size=3).map(lambda items: f"IN ({', '.join(items)})"),
    st.lists(_quoted, min_size=1, max_size=3).map(lambda items: f"NOT IN ({', '.join(items)})"),
    st.sampled_from(["IS NULL", "IS NOT NULL", "=~ '^x+a?$'", "!~ 'a'"]),
)
_numeric = st.one_of(
    st.builds(
        "{} {}".format,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.integers(-1, 5),
    ),
    st.sampled_from(["IS NULL", "IS NOT NULL"]),
)
_tags = st.sampled_from(["tags.t", "tags.u", "tags.nothing", f"tags.`{PROMPT}`"])


def _filters(texts: Sequence[str], numbers: Sequence[str]) -> st.SearchStrategy[str]:
    comparison = st.one_of(
        st.builds("{} {}".format, st.one_of(st.sampled_from(texts), _tags), _textual),
        *([st.builds("{} {}".format, st.sampled_from(numbers), _numeric)] if numbers else []),
    )
    return st.recursive(
        comparison,
        lambda inner: st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("NOT {}".format, inner),
        ),
        max_leaves=5,
    )


_same = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_same
@given(
    text=_filters(["name", "run_id", "source_path", "model_id"], ["version_number"]),
    order=st.lists(st.sampled_from(["name", "version_number"]), max_size=2, unique=True).flatmap(
        lambda keys: st.tuples(*(st.sampled_from([key, f"{key} DESC"]) for key in keys))
    ),
    way=st.sampled_from(WAYS),
    size=st.sampled_from([1, 3, 100]),
)
def test_versions_are_found_alike_in_memory_and_on_disk(
    stores: tuple[SqliteRegistry, MemoryRegistry],
    text: str,
    order: tuple[str, ...],
    way: Limits,
    size: int,
) -> None:
    # Times differ between the two, so an order names what they share.
    order = order or ("name",)
    disk, memory = stores
    expected = [
        (each.name, each.version) for each in memory.search_versions(filter=text, order_by=order)
    ]
    assert _found(disk, VERSIONS, text, order, way, size) == expected


@_same
@given(
    text=_filters(["name"], []),
    order=st.sampled_from([(), ("name DESC",)]),
    way=st.sampled_from(WAYS),
    size=st.sampled_from([1, 3, 100]),
)
def test_models_are_found_alike_in_memory_and_on_disk(
    stores: tuple[SqliteRegistry, MemoryRegistry],
    text: str,
    order: tuple[str, ...],
    way: Limits,
    size: int,
) -> None:
    disk, memory = stores
    expected = [(each.name,) for each in memory.search_models(filter=text, order_by=order)]
    assert _found(disk, MODELS, text, order, way, size) == expected


def _found(
    registry: SqliteRegistry, table: Table, text: str, order: Sequence[str], way: Limits, size: int
) -> list[tuple[str, ...]]:
    """Return the names, and versions, on all pages."""
    columns = "name" if table is MODELS else "name, version"
    query = search.parse(table, text, order)
    found: list[tuple[str, ...]] = []
    token = None
    with registry._database.reading() as connection:
        while True:
            rows, token = search.find(connection, query, size, token, limits=way)
            assert len(rows) <= size
            for row in rows:
                fetching = f"SELECT {columns} FROM {table.name} WHERE id = ?"
                found.append(tuple(map(str, connection.execute(fetching, (row,)).fetchone())))
            if token is None:
                return found


# -- plans -----------------------------------------------------------------------------------------

ORDERS = {
    "registered_model": [
        (),
        ("name DESC",),
        ("timestamp",),
        ("timestamp DESC",),
        ("creation_timestamp DESC",),
    ],
    "model_version": [
        (),
        ("name",),
        ("name DESC",),
        ("version_number",),
        ("version_number DESC",),
        ("creation_timestamp",),
        ("creation_timestamp DESC",),
        ("last_updated_timestamp",),
    ],
}
SELECTIVE = {
    "registered_model": [
        "name = 'a'",
        "name IN ('a', 'b')",
        "tags.t = 'a'",
        "tags.t IN ('a', 'b')",
        "tags.t = 'a' OR name = 'b'",
        "last_updated_timestamp < 5",
        "tags.t IS NOT NULL",
    ],
    "model_version": [
        "name = 'a'",
        "name IN ('a')",
        "run_id = 'r'",
        "run_id IN ('r')",
        "model_id = 'm'",
        "source_path = 's'",
        "version_number > 7",
        "tags.t = 'a'",
        "tags.t IN ('a')",
        "creation_timestamp < 5",
        "last_updated_timestamp > 5",
        "run_id IS NULL",
        "name = 'a' AND tags.t != 'b'",
        "run_id = 'r' OR tags.t = 'a'",
    ],
}
LIKES = {
    "registered_model": ["name LIKE '%a'", "tags.t ILIKE 'a%'"],
    "model_version": [
        "name LIKE '%a'",
        "run_id ILIKE 'a%'",
        "source_path LIKE '%a'",
        "tags.t LIKE '%a'",
    ],
}
# Lists that are bound as JSON, and what a subquery found, are no tables.
_NO_TABLE = re.compile(r"SCAN (\w+ VIRTUAL TABLE|\(subquery|(\d+ )?CONSTANT ROW|SUBQUERY)")


@pytest.fixture(scope="module")
def connection(stores: tuple[SqliteRegistry, MemoryRegistry]) -> sqlite3.Connection:
    return stores[0]._database.connection()


def _plan(
    connection: sqlite3.Connection, table: Table, text: str, order: Sequence[str], way: Limits
) -> list[str]:
    """Return the steps of all statements that a search takes."""
    statements: set[str] = set()
    connection.set_trace_callback(statements.add)
    try:
        search.find(connection, search.parse(table, text, order), 3, None, limits=way)
    finally:
        connection.set_trace_callback(None)
    return [
        row[3]
        for statement in sorted(statements)
        if statement.startswith("SELECT")
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def _scans(plan: Sequence[str]) -> list[str]:
    return [step for step in plan if step.startswith("SCAN") and not _NO_TABLE.match(step)]


def _cases(texts: dict[str, list[str]]) -> list[tuple[Table, str]]:
    return [(table, text) for table in (MODELS, VERSIONS) for text in texts[table.name]]


@pytest.mark.parametrize(("table", "text"), _cases(SELECTIVE), ids=lambda each: str(each)[:40])
def test_a_few_rows_are_found_without_looking_at_others(
    connection: sqlite3.Connection, table: Table, text: str
) -> None:
    for order in ORDERS[table.name]:
        plan = _plan(connection, table, text, order, Limits(few=100_000))
        assert plan
        assert _scans(plan) == []


@pytest.mark.parametrize(("table", "text"), _cases(LIKES), ids=lambda each: str(each)[:40])
def test_patterns_are_looked_for_in_an_index_alone(
    connection: sqlite3.Connection, table: Table, text: str
) -> None:
    plan = _plan(connection, table, text, (), Limits(few=100_000))
    scans = _scans(plan)
    assert all("COVERING INDEX" in step for step in scans), plan


@pytest.mark.parametrize("table", [MODELS, VERSIONS], ids=["models", "versions"])
def test_an_order_is_that_of_an_index(connection: sqlite3.Connection, table: Table) -> None:
    for order in ORDERS[table.name]:
        plan = _plan(connection, table, "", order, Limits())
        scans = _scans(plan)
        assert len(scans) == 1
        assert "USING" in scans[0]
        # A few equals may have to be sorted among themselves, but never all rows.
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_a_scan_would_be_noticed(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM model_version WHERE description = 'a'"
    )
    assert _scans([row[3] for row in rows])


def test_statements_of_loading_use_indexes(
    connection: sqlite3.Connection, stores: tuple[SqliteRegistry, MemoryRegistry]
) -> None:
    statements: set[str] = set()
    connection.set_trace_callback(statements.add)
    try:
        stores[0].search_models()
        stores[0].search_versions(filter="name = 'ant'")
        stores[0].get_model("ant")
        stores[0].latest_versions("ant")
        stores[0].history("ant")
        stores[0].version_by_alias("ant", "latest")
    finally:
        connection.set_trace_callback(None)
    for statement in statements:
        if statement.startswith("SELECT") and "k0" not in statement:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert _scans(plan) == [], statement


def test_a_page_token_of_another_search_is_refused(
    stores: tuple[SqliteRegistry, MemoryRegistry],
) -> None:
    from pegboard.errors import InvalidValue

    token = stores[0].search_versions(max_results=2).token
    assert token
    with pytest.raises(InvalidValue, match="page token"):
        stores[0].search_versions(filter="name = 'ant'", max_results=2, page_token=token)


def test_what_is_added_between_pages_shifts_nothing(tmp_path: Path) -> None:
    registry = SqliteRegistry(tmp_path / "r.db", synchronous="normal")
    for name in ("b", "d", "f"):
        registry.create_model(name)
    first = registry.search_models(max_results=2)
    registry.create_model("a")
    registry.create_model("e")
    rest = registry.search_models(max_results=9, page_token=first.token)
    assert [each.name for each in (*first, *rest)] == ["b", "d", "e", "f"]
    registry.close()
