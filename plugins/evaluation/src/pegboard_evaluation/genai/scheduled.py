"""Judging what waits in the store (``ScoringTasks``): each trace once by each scorer.

That holds if the process is killed, too: a judge that was asked, and whose verdict was not kept, is
asked again once its claim has passed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard.contracts.llm import LLMError
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import Assessment, TraceState
from pegboard.entities.traces import Trace as StoredTrace
from pegboard.errors import NotFound
from pegboard.literals import literal
from pegboard_stores.scorers import ScoringTask, ScoringTasks
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import limits, pool, registry, scoring

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

SCORER = "pegboard.scheduledScorer"
"""In the metadata of an assessment: ``ID PART/PARTS`` of the scorer, and of what it returned."""
VERSION = "pegboard.scorerVersion"

AT_ONCE = 4
"""How many judges are asked at the same time, by one process."""
_CLAIM_SECONDS = limits.SCORER_SECONDS + 60
_SLOWEST_MS = 3_600_000
"""How long a trace may be in progress; then it is judged as it is."""
_WAIT_SECONDS = 30.0
MOST_TRIES = 5
"""How often a judge is asked that cannot answer for the time being."""

_log = logging.getLogger("pegboard.scorers")


def work(
    store: TrackingStore, tasks: ScoringTasks, is_over: Callable[[], bool] = lambda: False
) -> None:
    """Judge what has come, until nothing is left to do for now or it is over."""
    while tasks.fill() and not is_over():
        pass
    while not is_over() and (claimed := tasks.claim(AT_ONCE, _CLAIM_SECONDS)):
        done: SimpleQueue[Any] = SimpleQueue()
        threads = pool.Pool(AT_ONCE, done)
        traces = store.traces()
        for task in claimed:
            threads.submit(partial(_judge, traces, tasks, task))
        for _ in claimed:
            found = done.get()
            if isinstance(found, BaseException):
                # The store refused: the task is free again after a while.
                _log.warning("A scheduled scorer's verdict could not be kept: %s", found)
        threads.close()


def _judge(traces: TraceStore, tasks: ScoringTasks, task: ScoringTask) -> None:
    try:
        trace = traces.get(task.trace_id)
    except NotFound:
        tasks.finish(task)
        return
    age = time.time() * 1000 - trace.info.request_time
    if trace.info.state is TraceState.IN_PROGRESS and age < _SLOWEST_MS:
        tasks.postpone(task, _WAIT_SECONDS)
        return
    if not _is_done(traces, trace, task) and _matches(traces, task):
        try:
            found = _verdict(task, trace)
        except LLMError as error:
            if error.trouble.passes and task.tries < MOST_TRIES:
                tasks.postpone(task, error.retry_after or _WAIT_SECONDS * 2**task.tries)
                return
            found = [_failed(task, error)]
        except Exception as error:
            found = [_failed(task, error)]
        for number, each in enumerate(found, 1):
            part = f"{task.scorer.scorer_id} {number}/{len(found)}"
            marks = {SCORER: part, VERSION: str(task.scorer.version)}
            traces.create_assessment(evolve(each, metadata={**each.metadata, **marks}))
    tasks.finish(task)


def _is_done(traces: TraceStore, trace: StoredTrace, task: ScoringTask) -> bool:
    """Whether the scorer's verdict is all there; what is there of one that is not is removed."""
    ours = [
        (each, each.metadata[SCORER].rpartition(" ")[2].split("/"))
        for each in trace.info.assessments
        if each.metadata.get(SCORER, "").startswith(f"{task.scorer.scorer_id} ")
    ]
    if any(number == count for _, (number, count) in ours):
        return True
    for each, _ in ours:
        traces.delete_assessment(task.trace_id, each.assessment_id)
    return False


def _matches(traces: TraceStore, task: ScoringTask) -> bool:
    if not task.schedule.filter:
        return True
    one = f"trace_id = {literal(task.trace_id)} AND ({task.schedule.filter})"
    return bool(traces.search([task.schedule.experiment_id], filter=one, max_results=1))


def _verdict(task: ScoringTask, stored: StoredTrace) -> Sequence[Assessment]:
    scorer = registry.load(task.scorer.serialized)
    scorer.name = task.scorer.name
    trace = Trace.of(stored)
    root = trace.data.root
    said = scorer.run(
        inputs=None if root is None else root.inputs,
        outputs=None if root is None else root.outputs,
        trace=trace,
    )
    return [each.to_stored(task.trace_id) for each in scoring.feedback_of(scorer.name, said)]


def _failed(task: ScoringTask, error: Exception) -> Assessment:
    name = task.scorer.name
    message = f"{type(error).__name__}: {error}"
    _log.warning("The scorer %r could not judge the trace %s: %s", name, task.trace_id, message)
    made: Feedback = scoring.failed(name, "SCORER_ERROR", message)
    return made.to_stored(task.trace_id)
