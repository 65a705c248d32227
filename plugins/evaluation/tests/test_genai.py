"""``genai.evaluate``: what it takes, logs and returns, what it refuses, and what it keeps."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.entities import Feedback
from pegboard.errors import PegboardError

pytestmark = pytest.mark.usefixtures("place")

genai = pegboard.genai
scorer = genai.scorer


@scorer
def exact(outputs: Any, expectations: Any) -> bool:
    return bool(outputs == expectations["answer"])


@scorer(aggregations=["mean", "max", "p90", sum])
def length(outputs: Any) -> int:
    return len(outputs)


@scorer
def style(inputs: Any, outputs: Any) -> list[Feedback]:
    kind = "warm" if inputs["q"] < "c" else "cold"
    return [Feedback(name="tone", value=kind), Feedback(value="yes", rationale="It is.")]


@scorer
def nothing() -> None:
    with pegboard.start_span("not a row"):
        pass


SCORERS = [exact, length, style, nothing]
ROWS = [
    {"inputs": {"q": "a"}, "expectations": {"answer": "A"}, "kind": "x", "tags": {"t": "1"}},
    {"inputs": {"q": "bb"}, "expectations": {"answer": "B"}, "kind": "x"},
    {"inputs": {"q": "ccc"}, "expectations": {"answer": "CCC"}, "kind": "y"},
]
METRICS = {
    "exact/mean": 2 / 3,
    "length/mean": 2,
    "length/max": 3,
    "length/p90": 2.8,
    "length/sum": 6,
    "style/mean": 1,
}


def answer(q: str) -> str:
    return q.upper()


def answered(rows: Any = ROWS) -> list[dict[str, Any]]:
    return [{**row, "outputs": answer(**row["inputs"])} for row in rows]


# -- what is measured ----------------------------------------------------------------------------


def test_a_run_has_the_numbers_and_each_trace_its_scores() -> None:
    result = genai.evaluate(ROWS, SCORERS, answer)
    run = pegboard.get_run(result.run_id)
    assert result.metrics == pytest.approx(METRICS)
    assert run.data.metrics == pytest.approx(METRICS)
    assert run.data.tags["mlflow.runType"] == "genai_evaluate"
    assert run.data.tags["mlflow.genaiEvaluate.agent.function"].endswith("answer")
    assert '"total": 4' in run.data.tags["mlflow.genaiEvaluate.scorersDigest"]
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["dataset"]
    assert "warm" in result.skipped["tone/mean"]
    figure = result.figures["exact/mean"]
    assert (figure.count, figure.failed) == (3, 0)
    assert figure.interval is not None

    frame = result.tables["eval_results"]
    assert frame["tone/value"].tolist() == ["warm", "warm", "cold"]
    assert frame["style/rationale"].tolist() == ["It is."] * 3
    assert frame["answer/value"].tolist() == ["A", "B", "CCC"]
    assert frame["request"].tolist() == [row["inputs"] for row in ROWS]
    assert frame.columns[0] == "trace_id"

    assert len(pegboard.search_traces(return_type="list")) == 3
    trace = pegboard.get_trace(frame.trace_id[0])
    assert trace.info.tags["t"] == "1"
    assert trace.info.trace_metadata["mlflow.sourceRun"] == result.run_id
    found = {each.name: each for each in trace.info.assessments}
    assert {name: str(each.source.source_type) for name, each in found.items()} == {
        "answer": "HUMAN", "exact": "CODE", "length": "CODE", "style": "CODE", "tone": "CODE",
    }  # fmt: skip
    assert [found[name].source.source_id for name in ("exact", "tone")] == ["exact", "default"]
    assert {each.run_id for each in found.values()} == {result.run_id}
    assert {each.span_id for each in found.values()} == {trace.data.root.span_id}


def test_rows_may_be_given_in_many_ways() -> None:
    first = genai.evaluate(answered(), SCORERS)
    traces = pegboard.search_traces(run_id=first.run_id, return_type="list")
    ways = [
        pd.DataFrame(answered()),
        traces,
        pegboard.search_traces(run_id=first.run_id),
        [{"trace": each.to_json()} for each in traces],
        [{**row, "inputs": json.dumps(row["inputs"])} for row in answered()],
    ]
    for data in ways:
        again = genai.evaluate(data, SCORERS)
        assert again.metrics == pytest.approx(METRICS)
        assert again.run_id != first.run_id
        assert len(again.result_df) == 3
        assert set(again.result_df["exact/value"]) == {True, False}


def test_functions_of_all_kinds_answer_and_leave_one_trace_a_row() -> None:
    @pegboard.trace(name="agent")
    def traced(q: str) -> str:
        with pegboard.start_span("inner"):
            return answer(q)

    async def later(q: str) -> str:
        return answer(q)

    class Agent:
        def __call__(self, **given: str) -> str:
            return answer(**given)

    for function, root in ((traced, "agent"), (later, "later"), (Agent(), "predict_fn")):
        result = genai.evaluate(ROWS, [exact], function)
        assert result.metrics == {"exact/mean": pytest.approx(2 / 3)}
        traces = pegboard.search_traces(run_id=result.run_id, return_type="list")
        assert [each.data.root.name for each in traces] == [root] * 3
    with pegboard.start_run() as run:
        assert genai.evaluate(ROWS, [exact], answer).run_id == run.info.run_id


def test_classes_are_scorers_too() -> None:
    class Longer(genai.Scorer):
        name: str = "longer"
        than: int

        def __call__(self, *, outputs: str) -> bool:
            return len(outputs) > self.than

    assert genai.evaluate(answered(), [Longer(than=1)]).metrics["longer/mean"] == 2 / 3
    assert Longer(than=1)(outputs="ab") is True
    for given, said in (({"then": 1}, "'then'"), ({}, "'than'"), ({"than": 1, "name": ""}, "name")):
        with pytest.raises(PegboardError, match=said):
            Longer(**given)


def test_a_session_is_scored_as_a_whole() -> None:
    @pegboard.trace
    def turn(q: str) -> str:
        pegboard.update_current_trace(session_id="s" if q < "c" else "t")
        return q

    @scorer
    def turns(session: Any) -> int:
        return len(session)

    result = genai.evaluate(ROWS, [turns], turn)
    assert result.metrics == {"turns/mean": 1.5}
    with pytest.raises(PegboardError, match=r"'turns' is about sessions"):
        genai.evaluate(answered(), [turns])


def test_what_passes_is_said() -> None:
    limited = scorer(name="short", pass_if=lambda value: value < 3)(lambda outputs: len(outputs))
    result = genai.evaluate(answered(), [exact, limited])
    assert not result.passed
    assert result.reason == "2 assertions failed:\n  - exact: value=False\n  - short: value=3"
    good = genai.evaluate(answered()[:1], [exact, limited])
    assert (good.passed, good.reason) == (True, "")
    assert "pass_if" in genai.evaluate(answered()[:1], [length]).reason


def test_two_evaluations_are_compared_row_by_row() -> None:
    before = genai.evaluate(ROWS, [exact], answer)
    after = genai.evaluate(ROWS[::-1], [exact], lambda q: "B" if q == "bb" else q.upper())
    found = pegboard.evaluation.compare(before, after.run_id, by=["kind"])
    assert (found.metrics["exact"].won, found.metrics["exact"].lost) == (1, 0)
    assert found.slices["kind=x"]["exact"].rows == 2


# -- what is refused -----------------------------------------------------------------------------

ROW = answered()[0]
REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "no scorers": ([ROW], [], None, "'scorers' is empty"),
    "one that is in no list": ([ROW], exact, None, "'scorers' is a list"),
    "what is no scorer": ([ROW], [answer], None, "not a scorer"),
    "a class": ([ROW], [genai.Scorer], None, r"Scorer\(\)"),
    "two of one name": ([ROW], [exact, exact], None, "Two scorers are called 'exact'"),
    "no data": (None, [length], None, "'data' is missing"),
    "no rows": ([], [length], None, "'data' has no rows"),
    "a text": ("rows.csv", [length], None, "'data' is .*str"),
    "rows that are no dicts": ([ROW, 5], [length], None, "Row 1 is 5"),
    "a name that is near": ([{**ROW, "output": 1}], [length], None, "Row 0 has 'output'.*outputs"),
    "no inputs": ([{"outputs": 1}], [length], None, "Row 0 has no 'inputs'"),
    "inputs that are a text": ([{**ROW, "inputs": "x"}], [length], None, "Row 0 has the inputs"),
    "expectations that are a text": ([{**ROW, "expectations": "x"}], [length], None, "tations 'x'"),
    "no outputs": ([ROW, *ROWS[1:]], [length], None, "2 of 3 rows have no 'outputs'.*row 1"),
    "no expectations": ([{**ROW, "expectations": {}}], [exact], None, "'exact' takes expectations"),
    "another parameter": ([{"inputs": {"x": 1}}], [length], answer, "inputs of row 0.*'x'"),
    "what cannot be called": (ROWS, [length], 5, "predict_fn is 5"),
    "two columns of a name": (
        pd.DataFrame([[1, 2]], columns=["inputs", "inputs"]), [length], None, "two columns",
    ),
}  # fmt: skip


def test_what_cannot_be_evaluated_is_refused_by_name() -> None:
    for case, (data, scorers, function, said) in REFUSED.items():
        with pytest.raises(PegboardError) as refused:
            genai.evaluate(data, scorers, function)
        assert re.search(said, str(refused.value), re.S), case
    assert pegboard.search_runs(output_format="list") == []


def test_scorers_are_refused_where_they_are_made() -> None:
    with pytest.raises(PegboardError, match=r"'mad' takes 'answer'"):
        scorer(name="mad")(lambda answer: True)
    with pytest.raises(PegboardError, match=r"aggregation 'avg'"):
        scorer(name="mad", aggregations=["avg"])(lambda outputs: True)
    with pytest.raises(PegboardError, match=r"aggregation name '<lambda>'"):
        scorer(name="mad", aggregations=[lambda values: 1])(lambda outputs: True)
    with pytest.raises(PegboardError, match=r"scorer name '<lambda>'"):
        scorer(lambda outputs: True)


def test_limits_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_GENAI_EVAL_MAX_WORKERS", "PEGBOARD_GENAI_EVAL_MAX_SCORER_WORKERS"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "many")
            with pytest.raises(PegboardError, match=r"WORKERS is 'many'"):
                genai.evaluate(answered(), [length])


# -- what fails ----------------------------------------------------------------------------------


def test_no_mean_hides_rows_that_failed() -> None:
    never = threading.Event()

    def predict(q: str) -> str:
        if q == "bb":
            raise ConnectionError("no route")
        return q.upper() if q == "a" or never.wait(30) else ""

    @scorer
    def fails(outputs: str) -> float:
        raise ValueError("odd")

    values: dict[str, Any] = {
        "nan": float("nan"),
        "dict": {"a": 1},
        "list": [1],
        "numpy": np.float32(0.5),
    }
    values["name"] = Feedback(name="a<b")
    odd = [scorer(name=name)(lambda value=value: value) for name, value in values.items()]
    hangs = scorer(name="hangs", timeout=0.05)(lambda outputs: never.wait(30))
    result = genai.evaluate(ROWS, [length, fails, hangs, *odd], predict, predict_timeout=0.2)
    never.set()
    assert result.metrics["length/mean"] == 1
    assert (result.metrics["length/n"], result.metrics["length/failed"]) == (1, 2)
    assert (result.figures["length/mean"].count, result.figures["length/mean"].failed) == (1, 2)
    assert result.metrics["numpy/mean"] == 0.5
    failed = {name for name in result.metrics if name.endswith("/failed")}
    assert failed == {
        f"{each}/failed"
        for each in ("length", "fails", "hangs", "nan", "dict", "list", "name", "numpy")
    }
    assert "fails/mean" not in result.metrics
    assert "ValueError: odd" in result.skipped["fails/mean"]

    first, second, third = result.result_df.to_dict(orient="records")
    assert "longer than 0.05 seconds" in first["hangs/error_message"]
    assert "returned nan" in first["nan/error_message"]
    for name in ("length", "fails", "hangs"):
        assert second[f"{name}/error_message"] == ("predict_fn failed: ConnectionError: no route")
        assert "longer than 0.2 seconds" in third[f"{name}/error_message"]
    assert second["state"] == "ERROR"
    assert not result.passed


def test_an_aggregation_that_fails_says_so() -> None:
    def odd(values: list[float]) -> float:
        raise ZeroDivisionError("no")

    result = genai.evaluate(
        answered(), [scorer(name="one", aggregations=[odd, "mean"])(lambda outputs: 1)]
    )
    assert list(result.metrics.values()) == [1]
    assert "ZeroDivisionError: no" in str(result.skipped)


# -- going on ------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys, threading
import pegboard
log = open("calls", "a", buffering=1)
dies = sys.argv[1:] == ["die"]
begun = threading.Event()

def predict(q):
    log.write(f"predict {q}\\n")
    if dies and q == "ccc":
        begun.set()
        threading.Event().wait()
    return q.upper()

@pegboard.genai.scorer
def exact(inputs, outputs, expectations):
    log.write(f"exact {inputs['q']}\\n")
    if dies and inputs["q"] == "bb":
        begun.wait()
        os.kill(os.getpid(), signal.SIGKILL)
    return outputs == expectations["answer"]

ROWS = ROWS_HERE
runs = pegboard.search_runs(output_format="list")
resume = runs[0].info.run_id if runs else None
result = pegboard.genai.evaluate(ROWS, [exact], predict, resume=resume)
print(sorted(result.metrics.items()), len(result.result_df))
"""


def test_a_killed_evaluation_pays_for_nothing_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", pegboard.get_tracking_uri())
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_WORKERS", "1")
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_SCORER_WORKERS", "1")
    code = KILLED.replace("ROWS_HERE", repr(ROWS))
    command = [sys.executable, "-c", code]
    killed = subprocess.run([*command, "die"], cwd=place, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    first = (place / "calls").read_text().split("\n")
    assert "exact a" in first
    ended = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    assert ended.stdout == f"[('exact/mean', {2 / 3})] 3\n"
    calls = (place / "calls").read_text().splitlines()
    twice = sorted({call for call in calls if calls.count(call) > 1})
    assert twice == ["exact bb", "predict ccc"], "only what was under way is done again"


def test_an_interrupted_evaluation_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_SCORER_WORKERS", "1")
    asked: list[str] = []

    @scorer
    def impatient(inputs: Any) -> bool:
        asked.append(inputs["q"])
        if len(asked) == 3:
            raise KeyboardInterrupt
        if len(asked) == 2:
            raise OSError("busy")
        return True

    with pytest.raises(KeyboardInterrupt):
        genai.evaluate(answered(), [impatient])
    (run,) = pegboard.search_runs(output_format="list")
    assert run.info.status != "FINISHED"
    assert run.data.metrics == {"impatient/mean": 1, "impatient/n": 1, "impatient/failed": 1}
    result = genai.evaluate(answered(), [impatient, length], resume=run.info.run_id)
    assert len(asked) == 5
    assert result.metrics["impatient/mean"] == 1
    assert result.metrics["length/mean"] == 2
    assert result.figures["impatient/mean"].count == 3
    assert "impatient/error_message" not in result.result_df
    with pegboard.start_run(), pytest.raises(PegboardError, match=r"is active"):
        genai.evaluate(answered(), [length], resume=result.run_id)


def test_a_changed_scorer_scores_anew() -> None:
    first = genai.evaluate(answered(), [length, scorer(name="one")(lambda outputs: 1)])
    asked: list[str] = []

    @scorer(name="one")
    def other(outputs: str) -> int:
        asked.append(outputs)
        return 2

    again = genai.evaluate(answered(), [length, other], resume=first.run_id)
    assert len(asked) == 3
    assert again.metrics["one/mean"] == 2
    assert again.result_df["one/value"].tolist() == [2, 2, 2]
    trace = pegboard.get_trace(again.result_df.trace_id[0])
    assert [each.value for each in trace.search_assessments("one")] == [2]


def test_every_answer_is_kept_whatever_part_of_traces_is() -> None:
    other = pegboard.create_experiment("elsewhere")
    location = pegboard.entities.TraceLocation.from_experiment_id(other)
    with pegboard.tracing.configure(sampling_ratio=0.0):
        pegboard.tracing.set_destination(location.mlflow_experiment)
        try:
            result = genai.evaluate(ROWS, [length], answer)
        finally:
            pegboard.tracing.reset()
    traces = pegboard.search_traces(run_id=result.run_id, return_type="list", locations=["0"])
    assert len(result.result_df) == len(traces) == 3
    pegboard.tracing.disable()
    try:
        with pytest.raises(PegboardError, match=r"Tracing is off"):
            genai.evaluate(ROWS, [length], answer)
    finally:
        pegboard.tracing.enable()


def test_neither_the_order_of_rows_nor_going_on_changes_a_number() -> None:
    rows = [
        {"inputs": {"q": chr(97 + n) * (n % 3 + 1)}, "expectations": {"answer": "AA"}}
        for n in range(8)
    ]
    whole = genai.evaluate(rows, SCORERS, answer)
    mixed = [*rows]
    random.Random(5).shuffle(mixed)
    part = genai.evaluate(mixed[:3], SCORERS[:2], answer)
    asked: list[str] = []

    def noted(q: str) -> str:
        asked.append(q)
        return answer(q)

    again = genai.evaluate(mixed, SCORERS, noted, resume=part.run_id)
    assert again.metrics == pytest.approx(whole.metrics)
    assert len(asked) == 5
    by_request = {str(row["request"]): row for row in whole.result_df.to_dict(orient="records")}
    for row in again.result_df.to_dict(orient="records"):
        other = by_request[str(row["request"])]
        assert [row[f"{n}/value"] for n in ("exact", "length")] == [
            other[f"{n}/value"] for n in ("exact", "length")
        ]


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("it cannot be shown")


def test_values_that_json_cannot_hold_are_evaluated_all_the_same() -> None:
    around: dict[str, Any] = {}
    around["me"] = around
    odd = {"around": around, "unshown": Unshown(), "keys": {1: 2, "b": 3, None: 4}}
    rows = [
        {"inputs": {name: value}, "outputs": value, "expectations": {"a": value}}
        for name, value in odd.items()
    ]

    @genai.scorer
    def is_there(outputs: Any, expectations: Any) -> bool:
        return expectations["a"] is outputs

    result = genai.evaluate(rows, [is_there])
    assert (result.metrics["is_there/mean"], result.figures["is_there/mean"].count) == (1.0, 3)
    assert genai.evaluate(rows, [is_there], resume=result.run_id).metrics == result.metrics
