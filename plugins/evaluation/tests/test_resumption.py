"""``evaluate`` that broke off and goes on: nothing is asked twice, and no figure changes."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard_evaluation import pieces
from pegboard_evaluation.predicting import predictor
from pegboard_evaluation.resumption import Answers
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault
from sklearn.linear_model import LogisticRegression

KILLED = """
import os, signal, sys, time
import numpy as np, pandas as pd, pegboard
from pegboard_evaluation.genai.asking import Judging

dies, resume = sys.argv[1], sys.argv[2] or None
log = open("calls", "a", buffering=1)

def noted(what, key, last):
    log.write(f"{what} {key}\\n")
    if dies == what and key == last:
        os.kill(os.getpid(), signal.SIGKILL)

def model(frame):
    found = []
    for value in frame.a.tolist():
        noted("row", f"{value:g}", "17")
        time.sleep(0.11)
        found.append(float(np.sin(value)))
    return np.array(found)

usual = Judging.ask

def ask(self, name, question):
    noted("judge", question.parts["output"], f"{np.sin(12.0)}")
    return usual(self, name, question)

Judging.ask = ask
table = pd.DataFrame({"a": np.arange(24.0)})
near = pegboard.metrics.genai.make_genai_metric(
    "near", "How near it is.", "1 to 5", include_input=False, max_workers=1)
result = pegboard.evaluate(model, table.assign(t=np.cos(table.a)), targets="t",
                           model_type="regressor", extra_metrics=[near], resume=resume)
rows = result.tables["eval_results_table"]
stored = result.artifacts["eval_results_table"].content["data"]
logged = pegboard.load_table("eval_results_table.json", run_ids=[result.run_id])
print(sorted(result.metrics.items()), len(rows), len(stored), len(logged))
"""


def test_a_killed_evaluation_asks_models_and_judges_for_nothing_twice(
    place: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", pegboard.get_tracking_uri())
    answer = b'{"choices": [{"message": {"role": "assistant", "content": "{\\"result\\": 4}"}}]}'

    def run(dies: str, resume: str = "", folder: Path = place) -> subprocess.CompletedProcess[str]:
        server.faults = [Fault(200, answer)] * 60
        command = [sys.executable, "-c", KILLED, dies, resume]
        return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)

    assert run("row").returncode == -signal.SIGKILL
    [broken] = pegboard.search_runs(output_format="list")
    killed = run("judge", broken.info.run_id)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ended = run("", broken.info.run_id)
    assert ended.returncode == 0, ended.stderr
    calls = (place / "calls").read_text().splitlines()
    twice = {call: count for call in calls if (count := calls.count(call)) > 1}
    # What was under way is done again: a piece of the model, a question to the judge.
    assert twice.pop(f"judge {np.sin(12.0)}") == 2
    again = sorted(int(call.removeprefix("row ")) for call in twice)
    assert 17 in again
    assert again == list(range(again[0], 18)), "rows of one piece, up to where it broke off"
    assert len(again) <= 16, "a piece takes about a second"
    assert len(calls) == 24 * 2 + len(again) + 1

    whole = place / "whole"
    whole.mkdir()
    assert run("", folder=whole).stdout == ended.stdout, "figures, and rows of tables, are the same"


def test_an_endpoint_is_asked_for_no_row_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del place
    table = pd.DataFrame({"question": ["one", "two", "three", "one", "four"]})
    scores = pegboard.metrics.MetricValue
    length = pegboard.make_metric(
        eval_fn=lambda predictions: scores([len(each or "") for each in predictions]),
        greater_is_better=False,
        name="length",
    )
    given: dict[str, Any] = {"extra_metrics": [length], "model": "endpoints:/chat"}
    with FakeOpenAI() as server, pegboard.start_run() as run:
        monkeypatch.setenv("PEGBOARD_GATEWAY_URI", server.address)
        monkeypatch.setenv("PEGBOARD_GATEWAY_KEY", KEY)
        server.faults = [Fault(400)]
        pegboard.evaluate(data=table, **given)
        assert len(server.seen) == 5
        again = pegboard.evaluate(data=table[::-1], **given, resume=run.info.run_id)
        assert len(server.seen) == 6, "what failed is asked again"
        outputs = again.tables["eval_results_table"]["outputs"].tolist()
        assert outputs == table.question[::-1].tolist()
        pegboard.evaluate(data=table, **given, resume=run.info.run_id, inference_params={"n": 1})
        assert len(server.seen) == 11, "other parameters are another question"
        with pytest.raises(pegboard.PegboardError, match="resume is 'other', but the run"):
            pegboard.evaluate(data=table, **given, resume="other")


OUTPUTS: dict[str, Any] = {
    "floats": lambda a: np.sin(a),
    "narrow": lambda a: np.sin(a).astype("float32"),
    "nan": lambda a: np.where(a > 3, np.nan, a),
    "labels": lambda a: np.where(a > 3, "yes", "no!"),
    "objects": lambda a: np.array([["x", int(v)] if v > 3 else None for v in a] + [0], object)[:-1],
    "rows": lambda a: np.column_stack([a, a / 3]),
    "list": lambda a: [[v, {"é": None}, True] for v in a.tolist()],
    "table": lambda a: pd.DataFrame({"out": a / 7, "sure": a > 3}),
}


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(sorted(OUTPUTS)),
    values=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    limit=st.integers(2, 9),
    stops=st.integers(0, 8),
    turned=st.booleans(),
    alone=st.booleans(),
)
def test_neither_pieces_nor_going_on_change_what_is_predicted(
    kind: str, values: list[int], limit: int, stops: int, turned: bool, alone: bool
) -> None:
    table = pd.DataFrame({"a": np.array(values, dtype=float)})
    asked: list[float] = []

    def model(frame: pd.DataFrame) -> Any:
        asked.extend(frame.a)
        return OUTPUTS[kind](frame.a.to_numpy())

    def parts(frame: pd.DataFrame, kept: Answers | None) -> Any:
        made = predictor(model)
        return pieces.predicted(made, frame, output_name="out", one_by_one=alone, kept=kept)

    kept = Answers()
    rows = table[::-1] if turned else table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", limit)
        patch.setattr(pieces, "_MOMENT_S", 0)
        patch.setattr(pieces, "_KEPT_S", 0)
        patch.setattr(pieces, "_ROW_S", 0)
        begun = parts(table, kept)
        list(itertools.islice(begun, stops))
        begun.close()
        found = pieces.joined(list(parts(rows, kept)))
    assert sorted(asked) == sorted(table.a), "each row is asked for once"
    whole = pieces.joined(list(parts(rows, None)))
    assert repr(list(found.outputs)) == repr(list(whole.outputs))
    assert type(found.outputs) is type(whole.outputs)
    assert getattr(found.outputs, "dtype", "") == getattr(whole.outputs, "dtype", "")
    for name in whole.columns.keys() - {"latency"}:
        assert found.columns[name] == whole.columns[name]


def test_models_of_a_library_are_known_again_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) ** 2})
    labels = table.a % 3 > 1

    class Counted(LogisticRegression):  # type: ignore[misc]
        seen: list[int] = []  # noqa: RUF012 - Of the class: it is no part of the model.

        def predict(self, frame: Any) -> Any:
            self.seen.append(len(frame))
            return super().predict(frame)

    monkeypatch.setattr(sys.modules[__name__], "Counted", Counted, raising=False)
    Counted.__qualname__ = "Counted"
    for name, value in (("PIECE", 10), ("_MOMENT_S", 0), ("_KEPT_S", 0), ("_ROW_S", 0)):
        monkeypatch.setattr(pieces, name, value)
    kept = Answers()

    def predicted(model: Any) -> pieces.Predicted:
        return pieces.joined(list(pieces.predicted(predictor(model), table, kept=kept)))

    first = predicted(Counted().fit(table, labels))
    assert Counted.seen == [10] * 4
    again = predicted(Counted().fit(table, labels))
    assert Counted.seen == [10] * 4
    assert np.array_equal(first.outputs, again.outputs)
    assert np.array_equal(first.probabilities, again.probabilities)
    predicted(Counted(C=5).fit(table, labels))
    assert len(Counted.seen) == 8


def test_a_quick_function_sees_the_whole_table_and_a_slow_one_what_takes_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pd.DataFrame({"a": np.arange(5000.0)})
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    seen: list[int] = []

    def sizes(seconds: Any) -> list[int]:
        seen.clear()

        def model(frame: pd.DataFrame) -> Any:
            seen.append(len(frame))
            now[0] += seconds(len(frame))
            return frame.a

        found = pieces.joined(list(pieces.predicted(predictor(model), table)))
        assert list(found.outputs) == list(table.a)
        return list(seen)

    assert sizes(lambda rows: 1e-5 * rows) == [2, 5000]
    one_second = sizes(lambda rows: 0.1 * rows)
    assert one_second[:5] == [2, 4, 8, 10, 10]
    assert max(one_second) == 10
    # What takes as long for many rows as for few is given more and more.
    assert sizes(lambda rows: 3)[:6] == [2, 4, 8, 16, 32, 64]
    assert max(sizes(lambda rows: -(-rows // 32))) <= 64
    with pytest.raises(pegboard.PegboardError, match="predicted 1 values for 5000 rows"):
        list(pieces.predicted(predictor(lambda frame: [1]), table))
    fixed = list(range(5000))
    assert (
        pieces.joined(list(pieces.predicted(predictor(lambda frame: fixed), table))).outputs
        == fixed
    )
