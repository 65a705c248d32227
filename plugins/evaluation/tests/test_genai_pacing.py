"""How often rows are answered and scored, and what becomes of calls that were too many."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_evaluation.genai import limits
from pegboard_evaluation.genai.patience import Patience, is_too_many, rest_of
from pegboard_llm.pacing import Pace
from pegboard_testing.llm_server import FakeOpenAI, Fault, verdict

genai = pegboard.genai
ROWS = [{"inputs": {"q": letter}} for letter in "abc"]


class RateLimitError(Exception):
    """What libraries of vendors raise."""

    class response:
        status_code = 429
        headers = {"retry-after": "0"}  # noqa: RUF012


def test_what_is_refused_is_called_again_and_leaves_no_trace(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del place
    monkeypatch.setenv("PEGBOARD_GENAI_EVAL_MAX_RETRIES", "2")
    lock, asked = threading.Lock(), dict.fromkeys("abc", 0)

    def answer(q: str) -> str:
        with lock:
            asked[q] += 1
        if q == "c" or asked[q] < 3:
            raise RateLimitError(q)
        return q.upper()

    seen: dict[str, int] = {}

    @genai.scorer
    def right(inputs: Any, outputs: str) -> bool:
        with lock:
            seen[outputs] = seen.get(outputs, 0) + 1
        if outputs == "A" and seen["A"] < 3:
            raise RateLimitError
        return True

    for function in (answer, pegboard.trace(answer)):
        asked.update(dict.fromkeys("abc", 0))
        seen.clear()
        result = genai.evaluate(ROWS, [right], function)
        assert asked == {"a": 3, "b": 3, "c": 3}
        assert seen == {"A": 3, "B": 1}
        assert (result.metrics["right/mean"], result.metrics["right/failed"]) == (1, 1)
        assert "RateLimitError: c" in result.result_df["right/error_message"].dropna().iloc[0]
        traces = pegboard.search_traces(run_id=result.run_id, return_type="list")
        assert sorted(str(each.info.state) for each in traces) == ["ERROR", "OK", "OK"]


def test_patience_slows_down_and_rests_as_long_as_it_is_asked() -> None:
    slept: list[float] = []
    now = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(50.0, lambda: now[0], sleep)
    outcomes: list[Any] = [RuntimeError("HTTP 429"), RuntimeError("429"), "fine"]

    def call() -> Any:
        found = outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    assert Patience(pace, 3, sleep).call(call) == "fine"
    assert pace.rate == pytest.approx(12.5 + 0.9)
    assert 1.5 <= sum(slept) <= 3.2
    outcomes = [ValueError("no"), "never"]
    with pytest.raises(ValueError, match="no"):
        Patience(pace, 3, sleep).call(call)


@pytest.mark.parametrize(
    ("error", "is_busy", "rest"),
    [
        (RateLimitError(), True, 0.0),
        (RuntimeError("Error code: 429 - slow down"), True, None),
        (RuntimeError("Rate limit reached"), True, None),
        (RuntimeError("id 14290"), False, None),
        (pegboard.llm.LLMError(pegboard.llm.Trouble.RATE, "429"), False, None),
    ],
)
def test_errors_of_all_libraries_say_that_there_were_too_many(
    error: Exception, is_busy: bool, rest: float | None
) -> None:
    assert (is_too_many(error), rest_of(error)) == (is_busy, rest)


def test_judges_are_tried_again_as_often_as_is_said(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Fault(429, b'{"error": {"message": "slow down"}}', {"retry-after": "0"})
    row = [{"inputs": {"q": 1}, "outputs": "x"}]
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_RETRIES", "5")
    server.faults = [busy] * 5 + [verdict("yes")]
    assert genai.evaluate(row, [genai.scorers.Safety()]).metrics == {"safety/mean": 1}
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_RETRIES", "0")
    server.faults = [busy]
    assert genai.evaluate(row, [genai.scorers.Safety()]).metrics["safety/failed"] == 1
    server.faults = [busy]
    asked = [{"inputs": {"messages": [{"role": "user", "content": "a"}]}}]
    model = genai.to_predict_fn("openai:/gpt-4o-mini")
    refused = genai.evaluate(asked, [genai.scorers.RegexMatch(pattern="a")], model)
    assert refused.metrics["regex_match/failed"] == 1
    assert len(server.seen) == 8


def test_rates_are_numbers_and_get_threads_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.predict_rate() is None
    cases = [("", None, 10), ("auto", None, 10), ("0", None, 10), ("0.5", 0.5, 10), ("40", 40, 200)]
    for given, rate, workers in cases:
        monkeypatch.setenv("MLFLOW_GENAI_EVAL_SCORER_RATE_LIMIT", given)
        assert (limits.scorer_rate(), limits.scorer_workers()) == (rate, workers), given
    monkeypatch.setenv("PEGBOARD_GENAI_EVAL_MAX_SCORER_WORKERS", "3")
    assert limits.scorer_workers() == 3
    for given in ("-1", "inf", "fast"):
        monkeypatch.setenv("PEGBOARD_GENAI_EVAL_PREDICT_RATE_LIMIT", given)
        with pytest.raises(PegboardError, match=r"PREDICT_RATE_LIMIT is"):
            limits.predict_rate()
