"""New traces are judged by scorers that were started: once, whatever happens meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pegboard
import pytest
from attrs import evolve
from pegboard import host
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import Assessment, AssessmentKind, TraceInfo, TraceState
from pegboard_evaluation.background import Scheduled
from pegboard_evaluation.genai import scheduled as working
from pegboard_evaluation.genai import scorers
from pegboard_scripting.fluent import experiments
from pegboard_stores.scorers import ScoringTasks
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault

pytestmark = pytest.mark.usefixtures("place")
ALL = scorers.ScorerSamplingConfig(sample_rate=1)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    said = {"content": json.dumps({"rationale": "so", "result": "good"}), "role": "assistant"}
    whole = {"choices": [{"message": said, "finish_reason": "stop", "index": 0}], "model": "m"}
    answer = {**whole, "id": "c", "object": "chat.completion", "created": 1}
    with FakeOpenAI(*[Fault(200, json.dumps(answer).encode())] * 9) as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        yield fake


@pytest.fixture
def store() -> TrackingStore:
    return experiments.client().store


@pytest.fixture
def tasks(store: TrackingStore) -> ScoringTasks:
    found = store.ability(ScoringTasks)
    assert found is not None
    return found


def started(filter: str | None = None, name: str = "fine") -> None:
    judge = pegboard.genai.make_judge(name, "Is {{ outputs }} fine?", "openai:/gpt-4o-mini")
    judge.register().start(sampling_config=evolve(ALL, filter_string=filter))


def asked(text: str) -> str:
    with pegboard.start_span("ask") as span:
        span.set_inputs({"q": text})
        span.set_outputs(f"answer to {text}")
    return span.trace_id


def verdicts(store: TrackingStore, trace_id: str) -> list[Assessment]:
    return list(store.traces().get(trace_id).info.assessments)


def test_new_traces_are_judged_once(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks
) -> None:
    before = asked("before")
    started()
    first = asked("one")
    working.work(store, tasks)
    [found] = verdicts(store, first)
    assert (found.name, found.error, found.value) == ("fine", None, "good")
    assert (found.source_type, found.source_id) == ("LLM_JUDGE", "openai:/gpt-4o-mini")
    assert found.metadata[working.VERSION] == "1"
    assert verdicts(store, before) == []
    assert "answer to one" in str(model.seen[-1].body["messages"])
    second = asked("two")
    working.work(store, tasks)
    working.work(store, tasks)
    assert len(model.seen) == 2
    assert len(verdicts(store, first)) == len(verdicts(store, second)) == 1


def test_only_traces_that_match_are_judged(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks
) -> None:
    started("tags.kind = 'a' OR trace.status = 'ERROR'")
    plain, tagged = asked("one"), asked("two")
    pegboard.set_trace_tag(tagged, "kind", "a")
    working.work(store, tasks)
    assert [len(verdicts(store, each)) for each in (plain, tagged)] == [0, 1]


def test_failures_stand_with_the_trace(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks
) -> None:
    started()
    model.faults[:] = [Fault(status=401, body=b'{"error": {"message": "Wrong key."}}')]
    trace_id = asked("one")
    working.work(store, tasks)
    [found] = verdicts(store, trace_id)
    assert found.error is not None and found.value is None
    assert "LLMError" in found.error.error_message
    working.work(store, tasks)
    assert len(model.seen) == 1


def test_a_killed_judge_is_asked_again_and_leaves_nothing_half(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks
) -> None:
    started()
    trace_id = asked("one")
    tasks.fill()
    [task] = tasks.claim(1, 0)
    marks = {working.SCORER: f"{task.scorer.scorer_id} 1/2", working.VERSION: "1"}
    half = Assessment(trace_id, "fine", AssessmentKind.FEEDBACK, "half", metadata=marks)
    store.traces().create_assessment(half)
    working.work(store, tasks)
    [found] = verdicts(store, trace_id)
    assert found.value != "half"
    # One that was kept, but whose task was not finished, is not asked again.
    tasks.fill()
    working._judge(store.traces(), tasks, task)
    assert len(model.seen) == 1
    assert [each.assessment_id for each in verdicts(store, trace_id)] == [found.assessment_id]


def test_a_trace_in_progress_and_one_that_is_gone_are_not_judged(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks
) -> None:
    started()
    gone = asked("gone")
    store.traces().start(TraceInfo("tr-1", "0", 2**42, TraceState.IN_PROGRESS))
    tasks.fill()
    claimed = tasks.claim(9, 0)
    store.traces().delete("0", trace_ids=[gone])
    for task in claimed:
        working._judge(store.traces(), tasks, task)
    assert model.seen == []
    assert list(tasks.claim(9, 0)) == []


def test_it_works_beside_a_server(
    model: FakeOpenAI, store: TrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    trace_id, kept = asked("one"), threading.Event()
    kind = type(store.traces())
    create = kind.create_assessment

    def noted(self: object, assessment: Assessment) -> Assessment:
        found: Assessment = create(self, assessment)  # type: ignore[arg-type]
        kept.set()
        return found

    monkeypatch.setattr(kind, "create_assessment", noted)
    running = Scheduled(host.current(), pegboard.get_tracking_uri(), every=0.01)
    assert kept.wait(60)
    running.close()
    assert len(verdicts(store, trace_id)) == 1


def test_a_model_that_is_away_is_asked_again_later_but_not_for_ever(
    model: FakeOpenAI, store: TrackingStore, tasks: ScoringTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_GENAI_EVAL_MAX_RETRIES", "0")
    model.faults[:] = [Fault(503, b"{}"), Fault(503, b"{}")]
    started()
    trace_id = asked("one")
    tasks.fill()
    [task] = tasks.claim(1, 0)
    working._judge(store.traces(), tasks, task)
    assert verdicts(store, trace_id) == list(tasks.claim(1, 0)) == []
    working._judge(store.traces(), tasks, evolve(task, tries=working.MOST_TRIES))
    [found] = verdicts(store, trace_id)
    assert found.error is not None
    assert len(model.seen) == 2
