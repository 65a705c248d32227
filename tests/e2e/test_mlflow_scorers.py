"""Registered scorers of MLflow's own client package, unchanged, against our server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_evaluation.genai import scorers
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.genai.registry import load
from pegboard_stores.scorers import Scorers
from served import run_script, serving

OURS = [
    make_judge("our judge", "Is {{ outputs }} kind?", "openai:/small", "d", Literal["a", "b"]),
    make_judge("our number", "Rate {{ outputs }}.", "openai:/small", None, float | None),
    scorers.Guidelines(name="our rule", guidelines=["Be kind."], model="openai:/small"),
    scorers.RegexMatch(name="our pattern", pattern="a+", case_insensitive=True),
]

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

answer["ours"] = {
    each.name: each.model_dump() for each in scorers.list_scorers(experiment_id="0")
}
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
        host = Host(Config())
        store = host.tracking_store(url).ability(Scorers)
        assert store is not None
        for each in OURS:
            store.register("0", each.name, json.dumps(each.model_dump()))
        found = run_script(mlflow_python, url, place, SCRIPT)
        found["theirs"] = [load(each.serialized).model_dump() for each in store.latest(["1"])]
        host.close()
    assert isinstance(found, dict)
    return found


def test_scorers_of_scripts_are_the_same_for_both(answer: dict[str, Any]) -> None:
    for each in OURS:
        ours, theirs = each.model_dump(), answer["ours"][each.name]
        # MLflow adds the fields that it has further, and its own words for what is built in.
        for name in ("instructions_judge_pydantic_data", "builtin_scorer_pydantic_data"):
            for key, value in (ours.pop(name, None) or {}).items():
                if key != "instructions" or name.startswith("instructions"):
                    assert theirs[name].get(key) == value, (each.name, key)
        known = {key: theirs[key] for key in ours if key not in ("timeout", "aggregations")}
        assert known == {key: ours[key] for key in known}
    assert [each["name"] for each in answer["theirs"]] == ["polite", "told"]


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
