"""Every entity survives the way through JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    Experiment,
    FileInfo,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import InvalidValue
from pegboard_tracking.wire import codec
from pegboard_wire import scalars
from pegboard_wire.pages import page_json, read_page

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)
PAIRS = st.dictionaries(NAMES, TEXTS, max_size=3)
STAGES = st.sampled_from(LifecycleStage)
STATUSES = st.sampled_from([s for s in RunStatus if s is not RunStatus.LOST])
MAYBE = st.none() | NAMES
METRICS = st.builds(Metric, NAMES, st.floats(), INT64, INT64, MAYBE, MAYBE, MAYBE, MAYBE)
EXPERIMENTS = st.builds(
    Experiment, NAMES, TEXTS, TEXTS, STAGES, PAIRS, st.none() | INT64, st.none() | INT64
)
DATASETS = st.builds(
    Dataset, NAMES, NAMES, NAMES, NAMES, schema=st.none() | TEXTS, profile=st.none() | TEXTS
)
USES = st.builds(
    DatasetInput, DATASETS, st.lists(st.builds(InputTag, NAMES, TEXTS), max_size=2).map(tuple)
)
INFOS = st.builds(
    RunInfo, NAMES, TEXTS, TEXTS, TEXTS, STATUSES, INT64, st.none() | INT64, STAGES, TEXTS
)
DATA = st.builds(
    RunData, st.lists(METRICS, max_size=3).map(lambda ms: {m.key: m for m in ms}), PAIRS, PAIRS
)
RUNS = st.builds(
    Run,
    INFOS,
    DATA,
    st.builds(
        RunInputs,
        st.lists(USES, max_size=2),
        st.lists(st.builds(LoggedModelInput, NAMES), max_size=2),
    ),
    st.builds(RunOutputs, st.lists(st.builds(LoggedModelOutput, NAMES, INT64), max_size=2)),
)


def through(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def same(one: Any, other: Any) -> bool:
    """Whether entities are equal, NaN to NaN too."""
    return repr(one) == repr(other)


@given(METRICS)
def test_a_metric_comes_back(point) -> None:
    assert same(codec.read_metric(through(codec.metric_json(point))), point)


@given(EXPERIMENTS)
def test_an_experiment_comes_back(experiment) -> None:
    assert codec.read_experiment(through(codec.experiment_json(experiment))) == experiment


@given(RUNS)
def test_a_run_comes_back(run) -> None:
    assert same(codec.read_run(through(codec.run_json(run))), run)


@given(st.builds(Param, NAMES, TEXTS), st.builds(RunTag, NAMES, TEXTS))
def test_params_and_tags_come_back(param, tag) -> None:
    assert codec.read_params(through([codec.param_json(param)])) == [param]
    assert codec.read_tags(through([codec.tag_json(tag)])) == [tag]


@given(st.builds(DatasetSummary, NAMES, NAMES, NAMES, MAYBE))
def test_the_summary_of_a_dataset_comes_back(summary) -> None:
    made = through(codec.dataset_summary_json(summary))
    assert codec.read_dataset_summary(made) == summary


@given(st.builds(FileInfo, NAMES, st.booleans(), st.none() | INT64))
def test_an_artifact_comes_back(file) -> None:
    assert codec.read_file(through(codec.file_json(file))) == file


@given(st.lists(METRICS, max_size=3), MAYBE)
def test_a_page_comes_back_with_its_token(metrics, token) -> None:
    page = page_json("metrics", [codec.metric_json(point) for point in metrics], token)
    found, next_token = read_page(through(page), "metrics")
    assert same(codec.read_metrics(found), metrics)
    assert next_token == token


def test_a_lost_run_is_a_failed_one() -> None:
    info = RunInfo("a", "0", "n", "u", RunStatus.LOST, 0, 5, LifecycleStage.ACTIVE, "x")
    assert codec.run_info_json(info)["status"] == "FAILED"


def test_fields_may_be_written_in_camel_case_and_be_unknown() -> None:
    written = {
        "dataset": {
            "name": "a",
            "digest": "b",
            "sourceType": "c",
            "source": "d",
            "schema": None,
            "colour": "red",
        }
    }
    dataset = Dataset("a", "b", "c", "d")
    assert codec.read_dataset_input(written) == DatasetInput(dataset)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "value", "timestamp", "step", "info", "data", "dataset"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
READERS = [
    codec.read_metric,
    codec.read_metrics,
    codec.read_params,
    codec.read_tags,
    codec.read_experiment,
    codec.read_run,
    codec.read_run_info,
    codec.read_dataset_input,
    codec.read_dataset_inputs,
    codec.read_dataset_summary,
    codec.read_model_inputs,
    codec.read_model_outputs,
    codec.read_file,
]


@pytest.mark.parametrize("read", READERS)
def test_no_json_is_read_with_another_error_than_an_invalid_value(read) -> None:
    info = {"run_id": "a", "status": 1}

    @given(JSON | st.fixed_dictionaries({"info": st.just(info), "data": JSON, "inputs": JSON}))
    def check(value: Any) -> None:
        try:
            read(value)
        except InvalidValue as error:
            assert len(error.message) < 500

    check()


@given(st.floats())
def test_numbers_come_back(value) -> None:
    found = scalars.double(through(scalars.number_json(value)), "x")
    assert found == value or (math.isnan(found) and math.isnan(value))


@given(JSON)
def test_a_wrong_scalar_is_an_invalid_value(value) -> None:
    for read in (
        scalars.double,
        scalars.integer,
        scalars.string,
        scalars.boolean,
        scalars.status,
        scalars.view,
    ):
        try:
            read(value, "x")
        except InvalidValue:
            continue
    assert scalars.view(3) is ViewType.ALL
