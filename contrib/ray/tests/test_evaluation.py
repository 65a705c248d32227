"""Evaluations whose rows are worked on in a real cluster: the same result, at one pace."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard.errors import InvalidValue
from pegboard_evaluation.genai.results import EvaluationResult
from pegboard_ray.settings import Settings
from pegboard_testing.isolation import separate_tracking

genai = pegboard.genai
ROWS = [
    {"inputs": {"n": number}, "expectations": {"expected_response": str(number * number)}}
    for number in range(12)
]


@pegboard.trace(name="part")
def part(n: int) -> int:
    return n * n


def squared(n: int) -> dict[str, Any]:
    if n == 5:
        raise ValueError("not five")
    return {"value": part(n), "pid": os.getpid(), "at": time.time()}


@genai.scorer
def right(outputs: dict[str, Any], expectations: dict[str, Any]) -> bool:
    return str(outputs["value"]) == expectations["expected_response"]


@genai.scorer
def spans(trace: Any) -> int:
    return len(trace.data.spans)


@genai.scorer
def small(inputs: dict[str, Any]) -> float:
    if inputs["n"] == 7:
        raise ValueError("not seven")
    return inputs["n"] / 10


@pytest.fixture
def place(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with separate_tracking(tmp_path):
        monkeypatch.setenv("RAY_ADDRESS", settings.address)
        yield tmp_path


def figures(result: EvaluationResult) -> Any:
    return result.metrics, {
        name: (each.count, each.failed) for name, each in result.figures.items()
    }


def outputs(result: EvaluationResult) -> list[dict[str, Any]]:
    traces = pegboard.search_traces(run_id=result.run_id, return_type="list")
    return [each.data.root.outputs for each in traces if each.data.root.outputs]


def test_the_result_is_that_of_threads(place: Path) -> None:
    here = genai.evaluate(ROWS, [right, small, spans], squared)
    there = genai.evaluate(ROWS, [right, small, spans], squared, runner="ray")
    assert figures(there) == figures(here)
    assert (there.metrics["right/mean"], there.metrics["right/failed"]) == (1, 1)
    assert there.metrics["spans/mean"] == 2
    assert os.getpid() not in {each["pid"] for each in outputs(there)}
    said = set(there.result_df["small/error_message"].dropna())
    assert said == {"ValueError: not seven", "predict_fn failed: ValueError: not five"}


def test_there_is_one_pace_for_all_workers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genai.evaluate(ROWS[:2], [right], squared, runner="ray")
    monkeypatch.setenv("PEGBOARD_GENAI_EVAL_PREDICT_RATE_LIMIT", "8")
    monkeypatch.setenv("PEGBOARD_GENAI_EVAL_RUNNER", "ray")
    begun = time.time()
    result = genai.evaluate(ROWS, [right], squared)
    at = sorted(each["at"] for each in outputs(result))
    assert len(at) == len(ROWS) - 1
    # However late they come, never more than the rate allows since the first could begin.
    for number, each in enumerate(at):
        assert each - begun >= number / 8 - 0.2


def test_what_broke_off_goes_on_and_pays_for_nothing_twice(place: Path) -> None:
    calls = place / "calls"
    calls.mkdir()
    go = place / "go"

    def noted(n: int) -> int:
        if n == 9 and not go.exists():
            raise RuntimeError("not yet")
        (calls / f"{n}-{time.time_ns()}").touch()
        return n

    @genai.scorer
    def seen(outputs: int) -> int:
        if outputs == 3 and not go.exists():
            raise RuntimeError("not yet")
        return outputs

    with pegboard.start_run() as run:
        first = genai.evaluate(ROWS, [seen], noted, runner="ray")
    assert first.metrics["seen/failed"] == 2
    go.touch()
    result = genai.evaluate(ROWS, [seen], noted, resume=run.info.run_id, runner="ray")
    assert "seen/failed" not in result.metrics
    assert len(list(calls.iterdir())) == len(ROWS)


def test_what_cannot_be_sent_is_said(place: Path) -> None:
    with pytest.raises(InvalidValue, match="There is no runner 'rays'"):
        genai.evaluate(ROWS[:1], [right], squared, runner="rays")
    file = (place / "file").open("w")
    with file:
        result = genai.evaluate(ROWS[:1], [right], lambda n: file.write(str(n)), runner="ray")
    assert "cannot be sent to Ray's workers" in result.result_df["right/error_message"].iloc[0]
