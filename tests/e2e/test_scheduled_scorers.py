"""Scorers that judge beside a server: what becomes of verdicts when the server is killed."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_server_process import PegboardServer
from pegboard_testing.isolation import separate_tracking
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault, verdict

TRACES = 12


def test_a_killed_server_judges_nothing_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    # The third to sixth question are under way when the server dies: four are, at once.
    answers = [verdict("good")] * 2 + [Fault(silent=True)] * 4 + [verdict("good")] * 40
    with FakeOpenAI(*answers) as model, separate_tracking(tmp_path):
        monkeypatch.setenv("OPENAI_BASE_URL", model.url)
        server = PegboardServer(tmp_path)
        try:
            pegboard.set_tracking_uri(server.url)
            judge = pegboard.genai.make_judge("fine", "Is {{ outputs }} fine?", "openai:/gpt-4o")
            every = pegboard.genai.ScorerSamplingConfig(sample_rate=1)
            judge.register().start(sampling_config=every)
            ids = [asked(number) for number in range(TRACES)]
            until(lambda: len(model.seen) == 6)
            server.kill()
            before = len(model.seen)
            model.faults[:] = [verdict("good")] * 40
            server.start()
            # What waited is judged at once; what was claimed, when the claim has passed.
            until(lambda: judged(ids)[1] >= TRACES - 4 and len(model.seen) >= before + TRACES - 6)
            with closing(sqlite3.connect(server.database, isolation_level=None)) as later:
                later.execute("PRAGMA busy_timeout = 30000")
                later.execute("UPDATE scoring_task SET free_at = 0")
            until(lambda: judged(ids)[1] == TRACES)
            assert judged(ids) == (dict.fromkeys(ids, 1), TRACES), "once each"
            questions = Counter(str(each.body["messages"]) for each in model.seen)
            assert len(questions) == TRACES
            assert sum(questions.values()) <= TRACES + 4, "only what was under way is asked again"
        finally:
            server.stop()


def asked(number: int) -> str:
    with pegboard.start_span("ask") as span:
        span.set_outputs(f"answer {number}")
    return str(span.trace_id)


def judged(ids: list[str]) -> tuple[dict[str, int], int]:
    """Return how many verdicts each trace has, and how many have one."""
    found = {each: len(pegboard.get_trace(each).info.assessments) for each in ids}
    return found, sum(count > 0 for count in found.values())


def until(what) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 120
    while True:
        try:
            if what():
                return
        except PegboardError:
            pass
        assert time.monotonic() < end
        time.sleep(0.2)
