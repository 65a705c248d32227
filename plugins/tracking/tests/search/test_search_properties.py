"""The SQLite store finds what the definition of filters and orders says, in any store."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    ViewType,
)
from pegboard_stores.filters import (
    RUNS,
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    OrderBy,
    as_number,
    matches,
    parse_filter,
    sorted_by,
)
from pegboard_stores.sql.patterns import prepare
from pegboard_stores.sql.texts import split
from pegboard_tracking.search import queries
from pegboard_tracking.search.sets import Limits
from pegboard_tracking.tables import schema

_FLOATS = [0.0, 1.0, 2.5, -3.0, math.inf, -math.inf, math.nan]
_LONG = "x" * 127
_TEXTS = [
    "", "a", "A", "ab", "b%", "a_c", "é", "É", "1", "1.0", "0.5", "nan", "inf", "[a]", "a*b", "?",
    "a\\", "a%", "\\%", "a\\b", "it's",
    _LONG, _LONG + "y", _LONG + "yz", _LONG + "ya", _LONG + "Z",
]  # fmt: skip
_PATTERNS = [
    "a%", "%b", "_", "%", "", "a_c", "[a]", "*", "%x", _LONG + "%", _LONG + "y%", "A%",
    r"a\%", r"\_", r"a\_c%", r"a\\%", r"A\\_", r"\\\%", "a\\", r"\[a]", r"\a%", _LONG + r"\%",
]  # fmt: skip
_REGEXES = ["a", "^a$", "x+y", "[0-9]", "(?i)A", "^$", "z$|é"]
_TIMES = [100, 200, 300]
_DATASETS = [
    Dataset("train", "d1", "local", "{}"),
    Dataset("test", "d2", "local", "{}", "schema", "profile"),
]

_text = st.sampled_from(_TEXTS)
_keys = st.sampled_from(["k", "l"])


def _runs(number: int, draw_from: dict[str, object]) -> Run:
    values = draw_from
    latest = {
        key: Metric(key, value, 5, 1)
        for key, value in values["metrics"].items()  # type: ignore[attr-defined]
    }
    tags = dict(values["tags"])  # type: ignore[call-overload]
    name = str(values["name"])
    if values["named"]:
        tags["mlflow.runName"] = name
    return Run(
        RunInfo(
            run_id=f"{number * 7 % 10}{number:03d}",
            experiment_id=str(values["experiment"]),
            run_name=name,
            user_id=str(values["user"]),
            status=values["status"],  # type: ignore[arg-type]
            start_time=values["start"],  # type: ignore[arg-type]
            end_time=values["end"],  # type: ignore[arg-type]
            lifecycle_stage=values["stage"],  # type: ignore[arg-type]
            artifact_uri=f"/a/{number}",
        ),
        RunData(latest, dict(values["params"]), tags),  # type: ignore[call-overload]
        RunInputs(values["inputs"]),  # type: ignore[arg-type]
    )


def _unique_inputs(inputs: list[DatasetInput]) -> list[DatasetInput]:
    return list({use.dataset.name: use for use in inputs}.values())


_contexts = st.lists(
    st.sampled_from([InputTag("mlflow.data.context", "train"), InputTag("other", "train")]),
    max_size=2,
    unique=True,
)
_inputs = st.lists(st.builds(DatasetInput, st.sampled_from(_DATASETS), _contexts), max_size=2).map(
    _unique_inputs
)
_stores = st.lists(
    st.fixed_dictionaries(
        {
            "experiment": st.integers(1, 3),
            "name": _text,
            "named": st.booleans(),
            "user": st.sampled_from(["ann", "bob"]),
            "status": st.sampled_from(RunStatus),
            "start": st.sampled_from(_TIMES),
            "end": st.sampled_from([None, *_TIMES]),
            "stage": st.sampled_from(LifecycleStage),
            "metrics": st.dictionaries(_keys, st.sampled_from(_FLOATS)),
            "params": st.dictionaries(_keys, _text),
            "tags": st.dictionaries(_keys, _text),
            "inputs": _inputs,
        }
    ),
    max_size=12,
).map(lambda drawn: [_runs(number, values) for number, values in enumerate(drawn, 1)])

_numeric = st.sampled_from([Operator(o) for o in ("=", "!=", "<", "<=", ">", ">=")])
_text_field = st.one_of(
    st.builds(Field, st.sampled_from([Kind.PARAM, Kind.TAG]), st.sampled_from(["k", "l", "none"])),
    st.builds(
        Field,
        st.just(Kind.ATTRIBUTE),
        st.sampled_from(["run_id", "run_name", "user_id", "status", "artifact_uri"]),
    ),
    st.builds(Field, st.just(Kind.DATASET), st.sampled_from(["name", "digest", "context"])),
)
_time_field = st.builds(Field, st.just(Kind.ATTRIBUTE), st.sampled_from(["start_time", "end_time"]))
_number_field = st.builds(
    Field, st.sampled_from([Kind.METRIC, Kind.PARAM]), st.sampled_from(["k", "l", "none"])
)
_any_text = st.sampled_from([*_TEXTS, "train", "d2", "ann", "FINISHED", "LOST", "7001", "/a/2"])
_comparison = st.one_of(
    st.builds(Comparison, _number_field, _numeric, st.sampled_from([0.0, 0.5, 1.0, -3.0, 1e308])),
    st.builds(Comparison, _time_field, _numeric, st.sampled_from([*_TIMES, 150, 250.5])),
    st.builds(Comparison, _text_field, st.sampled_from([Operator.EQ, Operator.NE]), _any_text),
    st.builds(
        Comparison,
        _text_field,
        st.sampled_from([Operator.LIKE, Operator.ILIKE]),
        st.sampled_from([*_PATTERNS, "t%", "%i%", "ANN", "f%"]),
    ),
    st.builds(
        Comparison,
        _text_field,
        st.sampled_from([Operator.MATCHES, Operator.MATCHES_NOT]),
        st.sampled_from(_REGEXES),
    ),
    st.builds(
        Comparison,
        _text_field,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(_any_text, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        Comparison,
        st.one_of(_text_field, _time_field, _number_field),
        st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL]),
    ),
)
_expr = st.none() | st.recursive(
    _comparison,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)
_order_field = st.one_of(
    st.builds(
        Field,
        st.sampled_from([Kind.METRIC, Kind.PARAM, Kind.TAG]),
        st.sampled_from(["k", "l", "none"]),
    ),
    st.builds(Field, st.just(Kind.ATTRIBUTE), st.sampled_from(list(RUNS.attributes))),
)
_order = st.lists(
    st.builds(OrderBy, _order_field, st.booleans()), max_size=3, unique_by=lambda by: by.field
)


def fill(connection: sqlite3.Connection, runs: Sequence[Run]) -> None:
    """Insert runs; the row of each is its place, from 1."""
    names: dict[str, int] = {}

    def name(text: str) -> int:
        if text not in names:
            names[text] = len(names) + 1
            connection.execute("INSERT INTO name (id, text) VALUES (?, ?)", (names[text], text))
        return names[text]

    def add(table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    for experiment in (1, 2, 3):
        add("experiment", experiment, f"e{experiment}", "/a", "active", None, 0, 0)
    datasets: dict[tuple[str, str], int] = {}
    for row, run in enumerate(runs, 1):
        info, experiment = run.info, int(run.info.experiment_id)
        connection.execute(
            "INSERT INTO run (id, run_id, experiment, name, user, status, start_time, end_time,"
            " lifecycle, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row, info.run_id, experiment, info.run_name, info.user_id, info.status,
                info.start_time, info.end_time, info.lifecycle_stage, info.artifact_uri,
            ),
        )  # fmt: skip
        for key, point in run.data.latest.items():
            value = None if math.isnan(point.value) else point.value
            connection.execute(
                "INSERT INTO series (run, name, experiment, value, step, timestamp)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (row, name(key), experiment, value, point.step, point.timestamp),
            )
        for key, text in run.data.params.items():
            head, rest = split(text)
            add("param", row, name(key), experiment, head, rest, as_number(text))
        for key, text in run.data.tags.items():
            add("tag", row, name(key), experiment, *split(text))
        for use in run.inputs.dataset_inputs:
            each = use.dataset
            known = datasets.get((each.name, info.experiment_id))
            if known is None:
                known = datasets[each.name, info.experiment_id] = len(datasets) + 1
                add(
                    "dataset", known, experiment, each.name, each.digest, each.source_type,
                    each.source, each.schema, each.profile,
                )  # fmt: skip
            add("input", row, known)
            for tag in use.tags:
                add("input_tag", row, known, tag.key, tag.value)


@pytest.fixture(scope="module")
def empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    import sqlite_utils

    schema.migrations().apply(sqlite_utils.Database(connection))
    prepare(connection)
    return connection


def check(
    connection: sqlite3.Connection,
    runs: Sequence[Run],
    experiments: Sequence[int],
    expr: Expr | None,
    order: Sequence[OrderBy],
    view: ViewType,
    limit: int,
    limits: Limits | None = None,
) -> None:
    connection.execute("BEGIN")
    try:
        fill(connection, runs)
        shown = [
            run
            for run in runs
            if int(run.info.experiment_id) in experiments and view.shows(run.info.lifecycle_stage)
        ]
        wanted = sorted_by([run for run in shown if matches(expr, run)], order)
        found: list[Run] = []
        token = None
        while True:
            rows, token = queries.search_run_rows(
                connection, experiments, expr, order, view, limit, token, limits=limits
            )
            assert len(rows) == limit or token is None
            found += queries.load_runs(connection, rows)
            if token is None:
                break
        assert [run.info for run in found] == [run.info for run in wanted]
        for got, want in zip(found, wanted, strict=True):
            assert got.data.params == want.data.params
            assert got.data.tags == want.data.tags
            assert repr(sorted(got.data.latest.items())) == repr(sorted(want.data.latest.items()))
            assert {use.dataset for use in got.inputs.dataset_inputs} == {
                use.dataset for use in want.inputs.dataset_inputs
            }
    finally:
        connection.execute("ROLLBACK")


# The numbers at which plans change are small here, so that small stores see all plans.
_limits = st.builds(
    Limits,
    few=st.sampled_from([0, 1, 300]),
    some=st.sampled_from([0, 2, 5000]),
    sorted=st.sampled_from([0, 2, 2000]),
    ties=st.sampled_from([0, 1, 400]),
    steps=st.sampled_from([-100, 0, 3, 500]),
)


@given(
    runs=_stores,
    experiments=st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
    expr=_expr,
    order=_order,
    view=st.sampled_from(ViewType),
    limit=st.integers(1, 6),
    limits=_limits,
)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_plan_finds_what_the_definition_says(
    empty: sqlite3.Connection,
    runs: list[Run],
    experiments: list[int],
    expr: Expr | None,
    order: list[OrderBy],
    view: ViewType,
    limit: int,
    limits: Limits,
) -> None:
    check(empty, runs, experiments, expr, order, view, limit, limits)


def test_a_page_follows_ties_of_long_params(empty: sqlite3.Connection) -> None:
    runs = [
        _runs(
            number,
            {
                "experiment": 1, "name": "n", "named": True, "user": "ann",
                "status": RunStatus.FINISHED, "start": 100, "end": None,
                "stage": LifecycleStage.ACTIVE, "metrics": {}, "tags": {}, "inputs": [],
                "params": {"k": _LONG + "y" * (number % 5)},
            },
        )
        for number in range(1, 40)
    ]  # fmt: skip
    order = [OrderBy(Field(Kind.PARAM, "k"), ascending=False)]
    check(empty, runs, [1], parse_filter("params.k LIKE 'x%'", RUNS), order, ViewType.ALL, 7)
