"""The grammar of filters and orders: what is accepted, what it means, where mistakes are."""

from __future__ import annotations

import pytest
from pegboard.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from pegboard.errors import FilterError
from pegboard_stores.filters import (
    EXPERIMENTS,
    RUNS,
    as_number,
    matches,
    parse_filter,
    parse_order_by,
    sorted_by,
)


def _run(number: int = 1, **parts: dict[str, object]) -> Run:
    metrics = {
        key: Metric(key, value, 0)  # type: ignore[arg-type]
        for key, value in parts.get("metrics", {}).items()
    }
    use = DatasetInput(
        Dataset("train", "d1", "local", "{}"), [InputTag("mlflow.data.context", "training")]
    )
    return Run(
        RunInfo(
            run_id=f"id{number}",
            experiment_id="0",
            run_name=f"run {number}",
            user_id="ann",
            status=RunStatus.LOST,
            start_time=1000 + number,
            end_time=None,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri="/a",
        ),
        RunData(
            metrics,
            parts.get("params", {}),  # type: ignore[arg-type]
            {"mlflow.runName": f"run {number}", **parts.get("tags", {})},  # type: ignore[dict-item]
        ),
        RunInputs([use]),
    )


RUN = _run(
    metrics={"loss": 0.5, "nan": float("nan"), "a/b": 1.0},
    params={"lr": "0.01", "name": "resnet", "empty": "", "text": 'It\'s "so"'},
    tags={"stage": "prod", "é": "Ü", "a`b": "tick", "odd": "C:\\a_b 'so' \"so\" 5%"},
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "metrics.loss = 0.5",
        "metrics.loss < 1 AND (params.name = 'x' OR tags.stage = 'prod')",
        "NOT metrics.loss > 1",
        "not not metrics.loss < 1",
        "NOT (metrics.loss > 1 OR metrics.loss < 0)",
        "metrics.loss > 1 AND metrics.loss > 1 OR metrics.loss < 1",
        "metrics.nan != 5",
        "metrics.nan IS NOT NULL",
        "metrics.none IS NULL",
        "NOT metrics.none = 5",
        "metrics.`a/b` >= 1",
        "params.lr > 0.001",
        "params.lr = 1e-2",
        "params.lr = '0.01'",
        "params.name =~ '^res'",
        "params.name =~ 'sn'",
        "params.name !~ '^sn'",
        "params.name =~ '(?i)RES(NET|t)$'",
        "params.name IN ('vit', 'resnet')",
        "params.name NOT IN ('vit')",
        "params.empty = ''",
        "params.empty LIKE ''",
        'params.text LIKE "It\'s%"',
        "params.text LIKE 'It''s%'",
        """tags.odd = 'C:\\a_b ''so'' "so" 5%'""",
        """tags.odd = "C:\\a_b 'so' ""so"" 5%" """,
        r"tags.odd LIKE 'C:\a\_b%'",
        r"tags.odd LIKE 'C:\\a\_b%5\%'",
        r"tags.odd ILIKE '%A\_B%5\%'",
        r"tags.odd LIKE 'C:\\%'",
        "tags.`a``b` = 'tick'",
        'tags."a`b" = "tick"',
        "tags.`é` = 'Ü'",
        "tags.é = 'Ü'",
        "status = 'LOST'",
        "status IN ('LOST', 'KILLED')",
        "end_time IS NULL",
        "user_id ILIKE 'A%'",
        "run_name = 'run 1'",
        "created = 1001",
        "dataset.context = 'training'",
        "datasets.name IS NOT NULL",
    ],
)
def test_a_run_matches(text: str) -> None:
    assert matches(parse_filter(text, RUNS), RUN)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.nan = 5",
        "metrics.nan > 0",
        "metrics.none != 5",
        "params.name > 0",
        "params.name != 0",
        "params.none != 'x'",
        "params.name = 'Resnet'",
        "params.name LIKE 'RES%'",
        r"tags.odd LIKE '%b\_%'",
        r"tags.odd LIKE 'C:\%'",
        r"params.name LIKE 'res\%'",
        "params.text LIKE 'It''''s%'",
        "tags.é ILIKE 'ü'",
        "status = 'lost'",
        "end_time != 5",
        "dataset.name != 'train'",
    ],
)
def test_a_run_does_not_match(text: str) -> None:
    assert not matches(parse_filter(text, RUNS), RUN)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("metrics.loss", 12, "Expected a comparison"),
        ("metrics.loss = ", 14, "Expected a number"),
        ("metrics.loss == 1", 13, "written ="),
        ("metric.a > 1 AND paramz.b = 'x'", 17, "Did you mean 'param"),
        ("statos = 'x'", 0, "Did you mean 'status'"),
        ("status = FINISHED", 9, "quoted text"),
        ("status = 'x", 9, "never closed"),
        (r"params.a = 'it\'s'", 17, "written twice"),
        ("params.a =~ 'it''s(x'", 18, "never closed"),
        ("metrics.a-b > 1", 9, "'-' has no meaning"),
        ("(metrics.a > 1", 14, "')'"),
        ("metrics.a > 1)", 13, "AND or OR"),
        ("metrics.a > 1 metrics.b > 1", 14, "AND or OR"),
        ("params.a NOT LIKE 'x'", 9, "Write NOT before"),
        ("params.a > 'x'", 11, "Texts are compared"),
        ("tags.a > 5", 7, "cannot be used with the tag"),
        ("metrics.a =~ 'x'", 10, "cannot be used with the metric"),
        ("params.a =~ '(x'", 13, "never closed"),
        ("params.a =~ 'ab{2'", 15, "'{'"),
        ("dataset.source = 'x'", 0, "no attribute 'source'"),
        ("run_id IN ()", 11, "quoted text"),
        ("run_id IN ('a' 'b')", 15, "',' or ')'"),
    ],
)
def test_a_mistake_is_shown_at_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, RUNS)
    assert caught.value.column == column
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 51 + "status = 'x'" + ")" * 51,
        "NOT " * 51 + "status = 'x'",
        " OR ".join(["status = 'x'"] * 251),
        "status = '" + "x" * 200_000 + "'",
    ],
)
def test_a_filter_that_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(FilterError, match=r"More than|more than|characters"):
        parse_filter(text, RUNS)


def test_a_long_list_is_one_comparison() -> None:
    text = f"run_id IN ({', '.join(repr(str(number)) for number in range(5000))})"
    assert not matches(parse_filter(text, RUNS), RUN)


@pytest.mark.parametrize(
    "clause", ["", "metrics.a UP", "metrics.a ASC ASC", "dataset.name", "name", "metrics.a, b"]
)
def test_a_wrong_order_is_refused(clause: str) -> None:
    with pytest.raises(FilterError):
        parse_order_by([clause], RUNS)


def test_runs_are_sorted_with_nan_and_missing_last_either_way() -> None:
    values = [1.0, float("nan"), None, float("inf"), -2.0]
    runs = [
        _run(number, metrics={} if value is None else {"m": value})
        for number, value in enumerate(values)
    ]

    def names(*clauses: str) -> list[str]:
        return [run.info.run_id for run in sorted_by(runs, parse_order_by(clauses, RUNS))]

    assert names("metrics.m") == ["id4", "id0", "id3", "id1", "id2"]
    assert names("metrics.m DESC") == ["id3", "id0", "id4", "id1", "id2"]
    assert names() == ["id4", "id3", "id2", "id1", "id0"]
    assert names("user_id", "start_time") == ["id0", "id1", "id2", "id3", "id4"]


def test_experiments_are_searched_by_name_id_times_and_tags() -> None:
    experiments = [
        Experiment(str(number), f"e{number}", "/a", tags={"t": "x"}, last_update_time=number % 5)
        for number in range(12)
    ]
    expr = parse_filter(
        "tags.t = 'x' AND experiment_id NOT IN ('03') AND name != 'e4'", EXPERIMENTS
    )
    order = parse_order_by(["experiment_id DESC"], EXPERIMENTS)
    found = sorted_by([each for each in experiments if matches(expr, each)], order)
    assert [each.experiment_id for each in found] == [
        "11",
        "10",
        "9",
        "8",
        "7",
        "6",
        "5",
        "2",
        "1",
        "0",
    ]
    assert sorted_by(experiments)[0].experiment_id == "9"
    for wrong in ("metrics.a > 1", "experiment_id LIKE '1'", "attributes.name = 'x'"):
        with pytest.raises(FilterError):
            parse_filter(wrong, EXPERIMENTS)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0), (" -2.5e3 ", -2500.0), (".5", 0.5), ("5.", 5.0), ("-inf", float("-inf")),
        ("nan", None), ("", None), ("1_000", None), ("0x10", None), ("1e", None), ("٣", None),
    ],
)  # fmt: skip
def test_which_params_are_numbers(text: str, number: float | None) -> None:
    assert as_number(text) == number
