"""Pages of searches, their tokens, and what a connection must know."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard.entities import Metric, Param, ViewType
from pegboard.errors import InvalidValue
from pegboard_stores.filters.parser import MAX_ORDERS
from pegboard_stores.sql.patterns import prepare
from pegboard_tracking.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    for number in range(10):
        run = opened.create_run("0", run_name=f"r{number}", start_time=1000 + number)
        opened.log_batch(
            run.info.run_id,
            metrics=[Metric("m", float(number % 3), 1)],
            params=[Param("p", "x" * 5000 + str(number))],
        )
    yield opened
    opened.close()


def _names(store: SqliteStore, **search: object) -> list[str]:
    names: list[str] = []
    token = None
    while True:
        page = store.search_runs(["0"], page_token=token, max_results=3, **search)  # type: ignore[arg-type]
        names += [run.info.run_name for run in page]
        token = page.token
        if token is None:
            return names


def test_pages_follow_one_another(store: SqliteStore) -> None:
    assert _names(store) == [f"r{number}" for number in reversed(range(10))]
    assert _names(store, order_by=["metrics.m"]) == [
        "r9", "r6", "r3", "r0", "r7", "r4", "r1", "r8", "r5", "r2",
    ]  # fmt: skip


def test_pages_follow_one_another_by_texts_that_differ_far_behind(store: SqliteStore) -> None:
    assert _names(store, order_by=["params.p DESC"]) == [f"r{n}" for n in reversed(range(10))]
    assert _names(store, filter=f"params.p = '{'x' * 5000}7'") == ["r7"]
    assert _names(store, filter="params.p LIKE '%x4'") == ["r4"]


def test_a_run_that_starts_between_two_pages_moves_no_other(store: SqliteStore) -> None:
    first = store.search_runs(["0"], max_results=4)
    store.create_run("0", run_name="new", start_time=5000)
    second = store.search_runs(["0"], max_results=4, page_token=first.token)
    assert [run.info.run_name for run in second] == ["r5", "r4", "r3", "r2"]


def _forged(*content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "é", "====", "bm90IGpzb24=", _forged(), _forged(1, 2, "a"), _forged({"a": 1})],
)
def test_a_forged_token_is_refused(store: SqliteStore, token: str) -> None:
    with pytest.raises(InvalidValue, match="page token"):
        store.search_runs(["0"], page_token=token)
    with pytest.raises(InvalidValue, match="page token"):
        store.search_experiments(page_token=token)


@pytest.mark.parametrize("value", ["text", True, [], {}, 2**70])
def test_a_token_with_another_sort_of_value_is_refused(store: SqliteStore, value: object) -> None:
    token = store.search_runs(["0"], max_results=3).token
    assert token is not None
    digest, _, run_id = json.loads(base64.urlsafe_b64decode(token))
    with pytest.raises(InvalidValue, match="page token"):
        store.search_runs(["0"], page_token=_forged(digest, value, run_id))


def test_a_token_of_another_search_is_refused(store: SqliteStore) -> None:
    token = store.search_runs(["0"], max_results=3).token
    for other in ({"filter": "metrics.m > 0"}, {"order_by": ["metrics.m"]}, {"view": ViewType.ALL}):
        with pytest.raises(InvalidValue, match="of this search"):
            store.search_runs(["0"], page_token=token, **other)  # type: ignore[arg-type]


def test_experiments_come_in_pages(store: SqliteStore) -> None:
    for number in range(5):
        store.create_experiment(f"e{number}")
    first = store.search_experiments(order_by=["name"], filter="name LIKE 'e%'", max_results=2)
    second = store.search_experiments(
        order_by=["name"], filter="name LIKE 'e%'", max_results=2, page_token=first.token
    )
    assert [each.name for each in first + second] == ["e0", "e1", "e2", "e3"]


def test_no_experiments_have_no_runs(store: SqliteStore) -> None:
    assert store.search_runs([]) == []


@pytest.mark.parametrize(
    "hostile",
    ["params.p =~ '^(x|y)*x(x|y){400}z'", " OR ".join(["params.p =~ '(x+)+N$'"] * 250)],
    ids=["states", "patterns"],
)
def test_a_search_that_regular_expressions_make_too_long_is_given_up(
    store: SqliteStore, hostile: str
) -> None:
    draw = random.Random(1)
    for _ in range(10):
        run = store.create_run("0", run_name="new")
        text = "".join(draw.choices("xy", k=6000))
        store.log_batch(run.info.run_id, params=[Param("p", text)])
    for order in ([], ["params.p"], ["metrics.m"]):
        with pytest.raises(InvalidValue, match="Narrow the search"):
            store.search_runs(["0"], filter=hostile, order_by=order)
    assert _names(store, filter="params.p =~ 'x7$'") == ["r7"]


def test_a_search_may_be_ordered_by_as_many_fields_as_the_grammar_allows(
    store: SqliteStore,
) -> None:
    keys = [f"k{number}" for number in range(MAX_ORDERS)]
    run = store.create_run("0", run_name="new")
    store.log_batch(run.info.run_id, params=[Param(key, "1") for key in keys])
    assert _names(store, order_by=[f"params.{key} DESC" for key in keys])[0] == "new"
    with pytest.raises(InvalidValue, match=f"{MAX_ORDERS} are possible"):
        store.search_runs(["0"], order_by=[f"params.k{n}" for n in range(10_000)])


def test_a_connection_may_be_prepared_again_while_it_is_read_from() -> None:
    connection = sqlite3.connect(":memory:")
    prepare(connection)
    reading = connection.execute(
        "SELECT pegboard_matches('^a', value) FROM json_each('[\"b\",\"a\"]')"
    )
    prepare(connection)
    assert next(reading) == (0,)


def test_unused_names_match_nothing(store: SqliteStore) -> None:
    assert _names(store, filter="params.none != 'a'") == []
    assert _names(store, filter="tags.none =~ '.*'") == []
    assert len(_names(store, filter="metrics.none IS NULL", order_by=["params.none"])) == 10


def test_answers_do_not_depend_on_the_statements_text(store: SqliteStore) -> None:
    for text in ("'; DROP TABLE run; --", "?", ":x", "%s", "\\"):
        assert _names(store, filter=f'tags.a = "{text}"') == []
    assert len(_names(store)) == 10
