"""Registered scorers of MLflow's own client package, unchanged, against our server."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import run_script, serving

SCRIPT = """
from typing import Literal
from mlflow.exceptions import MlflowException
from mlflow.genai import judges, scorers
from mlflow.genai.scorers.registry import list_scorer_versions

mlflow.set_experiment("judged")
answer = {}

def kind(instructions, **more):
    return judges.make_judge(
        "kind", instructions, model="gateway:/judge", feedback_value_type=Literal["yes", "no"],
        **more,
    )

def about(scorer):
    return [scorer.name, scorer.sample_rate, scorer.filter_string, scorer.status.value]

made = kind("Is {{ outputs }} kind?", description="of answers").register()
kind("Is {{ inputs }} kind?").register()
scorers.Guidelines(name="polite", guidelines=["Be polite."], model="gateway:/judge").register()
other = mlflow.create_experiment("other")
made.register(name="elsewhere", experiment_id=other)

first = scorers.get_scorer(name="kind", version=1)
answer["first"] = [first.name, first.instructions, first.model, first.description]
answer["latest"] = scorers.get_scorer(name="kind").instructions
answer["listed"] = [about(each) for each in scorers.list_scorers()]
answer["elsewhere"] = [about(each) for each in scorers.list_scorers(experiment_id=other)]
answer["versions"] = [number for _, number in list_scorer_versions(name="kind")]

Sampling = scorers.ScorerSamplingConfig
first.start(sampling_config=Sampling(sample_rate=0.5, filter_string="trace.status = 'OK'"))
answer["started"] = about(scorers.get_scorer(name="kind"))
answer["updated"] = about(first.update(sampling_config=Sampling(sample_rate=0.25)))
answer["schedules"] = [about(each) for each in scorers.list_scorers()]
answer["stopped"] = [about(first.stop()), about(scorers.get_scorer(name="kind"))]

def refused(call):
    try:
        call()
    except MlflowException as error:
        return [error.error_code, error.message]

lacking = judges.make_judge(
    "told", "Is {{ outputs }} as {{ expectations }} say?", model="gateway:/judge"
).register()
answer["refused"] = [
    refused(lambda: scorers.get_scorer(name="unknown")),
    refused(lambda: scorers.get_scorer(name="kind", version=7)),
    refused(lambda: first.start(sampling_config=Sampling(sample_rate=2))),
    refused(lambda: first.start(sampling_config=Sampling(sample_rate=1, filter_string="?"))),
    refused(lambda: lacking.start(sampling_config=Sampling(sample_rate=1))),
]
scorers.delete_scorer(name="kind", version=2)
answer["left"] = [number for _, number in list_scorer_versions(name="kind")]
scorers.delete_scorer(name="kind", version="all")
answer["gone"] = [each.name for each in scorers.list_scorers()]
"""


@pytest.fixture(scope="module")
def answer(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = tmp_path_factory.mktemp("place")
    with serving(place) as url:
        found = run_script(mlflow_python, url, place, SCRIPT)
    assert isinstance(found, dict)
    return found


def unscheduled(name: str) -> list[object]:
    return [name, None, None, "STOPPED"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("first", ["kind", "Is {{ outputs }} kind?", "gateway:/judge", "of answers"]),
        ("latest", "Is {{ inputs }} kind?"),
        ("listed", [unscheduled("kind"), unscheduled("polite")]),
        ("elsewhere", [unscheduled("elsewhere")]),
        ("versions", [1, 2]),
        ("started", ["kind", 0.5, "trace.status = 'OK'", "STARTED"]),
        ("updated", ["kind", 0.25, None, "STARTED"]),
        ("schedules", [["kind", 0.25, None, "STARTED"], unscheduled("polite")]),
        ("stopped", [["kind", 0.0, None, "STOPPED"]] * 2),
        ("left", [1]),
        ("gone", ["polite", "told"]),
    ],
)
def test_mlflows_scorers_work(answer: dict[str, object], what: str, expected: object) -> None:
    assert answer[what] == expected


def test_refusals_have_the_codes_and_words_of_mlflow(answer: dict[str, object]) -> None:
    refused = answer["refused"]
    assert isinstance(refused, list)
    for (code, said), (expected, words) in zip(
        refused,
        [
            ("RESOURCE_DOES_NOT_EXIST", "Scorer with name 'unknown' not found for experiment 1."),
            ("RESOURCE_DOES_NOT_EXIST", "Scorer with name 'kind' and version 7 not found for"),
            ("INVALID_PARAMETER_VALUE", "sample_rate"),
            ("INVALID_PARAMETER_VALUE", ""),
            ("INVALID_PARAMETER_VALUE", "expectations"),
        ],
        strict=True,
    ):
        assert (code, words in said) == (expected, True), said
