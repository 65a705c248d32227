"""MLflow's client gets the same from our server as from MLflow's own, whatever it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from differential import beside, shown
from differing import known, scripts
from differing.pair import Pair
from differing.scripts import NONCE, TOPICS, Step
from differing.shrink import shortest
from mlflow_server import MlflowServer

SEEDS = {
    1: ("experiments", "runs"),
    2: ("runs", "inputs"),
    3: ("logged_models", "artifacts"),
    4: ("registry",),
    5: ("traces",),
    6: ("raw", "runs"),
}


@pytest.fixture(scope="module")
def pair(
    mlflow_server: MlflowServer, mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with beside(mlflow_server, mlflow_python, tmp_path_factory.mktemp("ours")) as made:
        yield made


def step(number: int, call: str, **given: Any) -> Step:
    return {"id": f"s{number}", "call": call, "with": given}


A, B = f"{NONCE}-a", f"{NONCE}-b"
MINE = f"name LIKE '{NONCE}%'"
FOUND = {
    "experiments come in the order in which they were created": [
        step(0, "create_experiment", name=A),
        step(1, "create_experiment", name=B),
        step(2, "set_experiment_tag", experiment_id={"$": "s0"}, key="k", value="v"),
        step(3, "search_experiments", view="active", pages=1, filter_string=MINE),
    ],
    "the last created comes first on every page": [
        step(0, "create_experiment", name=A),
        step(1, "create_experiment", name=B),
        step(2, "rename_experiment", experiment_id={"$": "s0"}, new_name=f"{NONCE}-c"),
        step(3, "search_experiments", view="all", pages=3, filter_string=MINE, max_results=1),
    ],
    "a tag of a logged model with a colon goes away": [
        step(0, "create_experiment", name=A),
        step(1, "create_logged_model", experiment_id={"$": "s0"}, name="m", tags={"a:b": "1"}),
        step(2, "delete_logged_model_tag", model_id={"$": "s1"}, key="a:b"),
        step(3, "get_logged_model", model_id={"$": "s1"}),
    ],
    "inputs that are refused leave no models behind": [
        step(0, "create_experiment", name=A),
        step(1, "create_run", experiment_id={"$": "s0"}, run_name="r"),
        step(2, "create_logged_model", experiment_id={"$": "s0"}, name="m"),
        step(
            3,
            "log_inputs",
            run_id={"$": "s1"},
            models=[{"$": "s2"}],
            datasets=[
                [{"name": "d", "digest": "9" * 37, "source_type": "local", "source": "s"}, []]
            ],
        ),
        step(4, "get_run", run_id={"$": "s1"}),
    ],
}
"""Scripts that once showed a difference."""


@pytest.mark.parametrize("seed", SEEDS)
def test_random_calls_have_the_same_outcomes(pair: Pair, seed: int) -> None:
    steps = scripts.write(seed, SEEDS[seed], length=25)
    found = pair.difference(steps)
    assert found is None, shown(steps[: found.number + 1], found)


@pytest.mark.parametrize("name", FOUND)
def test_what_once_differed_is_the_same(pair: Pair, name: str) -> None:
    theirs, ours = pair.run(FOUND[name])
    assert [*map(without_words, theirs)] == [*map(without_words, ours)]


def without_words(outcome: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in outcome.items() if name != "message"}


def test_each_topic_is_among_the_seeds() -> None:
    assert {topic for topics in SEEDS.values() for topic in topics} == set(TOPICS)


def test_calls_reach_both_servers(pair: Pair) -> None:
    steps = [step(0, "create_experiment", name=A), step(1, "get_experiment_by_name", name=A)]
    for outcomes in pair.run(steps):
        assert outcomes[1]["ok"]["name"] == A


def test_a_difference_is_found_and_its_script_made_short(pair: Pair, monkeypatch) -> None:
    monkeypatch.setattr(known, "KNOWN", [])
    steps = [
        step(0, "create_experiment", name=A),
        step(1, "create_experiment", name=B),
        step(2, "create_run", experiment_id={"$": "s0"}, run_name="r", tags={"k": "v"}),
        step(3, "set_tag", run_id={"$": "s2"}, key="k", value="w"),
        step(4, "log_metric", run_id={"$": "s2"}, key="m", value="inf", timestamp=1, step=1),
        step(5, "get_run", run_id={"$": "s2"}),
    ]
    found = pair.difference(steps)
    assert found is not None
    short, last = shortest(steps, found, pair.difference)
    assert [each["id"] for each in short] == ["s0", "s2", "s4", "s5"]
    assert "tags" not in short[1]["with"]
    assert last.places == {".ok.data.metrics.m": ("1.7976931348623157e+308", "inf")}
