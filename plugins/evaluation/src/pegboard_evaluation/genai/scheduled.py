"""Judging what waits in the store (``ScoringTasks``): each trace once by each scorer.

That holds if the process is killed, too: a judge that was asked, and whose verdict was not kept, is
asked again once its claim has passed. Who judges renews the claim, however long the judge takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard.contracts.llm import LLMError
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import Assessment, TraceState
from pegboard.entities.traces import Trace as StoredTrace
from pegboard.errors import NotFound, PegboardError
from pegboard.literals import literal
from pegboard_stores.scorers import ScoringTask, ScoringTasks
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation import pool
from pegboard_evaluation.genai import registry, scoring

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

SCORER = "pegboard.scheduledScorer"
"""In the metadata of an assessment: ``ID PART/PARTS`` of the scorer, and of what it returned."""
VERSION = "pegboard.scorerVersion"

AT_ONCE = 4
"""How many judges are asked at the same time, by one process."""
_CLAIM_SECONDS, _RENEWED_SECONDS = 60.0, 15.0
"""How long a task is nobody else's, and how often that is said anew."""
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
    done: SimpleQueue[Any] = SimpleQueue()
    threads = pool.Pool(AT_ONCE, done)
    traces = store.traces()
    under_way: dict[int, ScoringTask] = {}
    running = 0
    try:
        while True:
            room = 0 if is_over() else AT_ONCE - running
            for task in tasks.claim(room, _CLAIM_SECONDS) if room else ():
                under_way[task.task_id] = task
                threads.submit(partial(_judge, traces, tasks, task, under_way))
                running += 1
            if not running:
                return
            found = _next(done, tasks, under_way)
            running -= 1
            if isinstance(found, BaseException):
                # The store refused: the task is free again after a while.
                _log.warning("A scheduled scorer's verdict could not be kept: %s", found)
    finally:
        threads.close()


def _next(done: SimpleQueue[Any], tasks: ScoringTasks, under_way: Mapping[int, ScoringTask]) -> Any:
    """Wait for what is done next, and renew the claims of what is not."""
    while True:
        try:
            return done.get(timeout=_RENEWED_SECONDS)
        except Empty:
            for task in list(under_way.values()):
                with suppress(PegboardError):
                    tasks.postpone(task, _CLAIM_SECONDS)


def _judge(
    traces: TraceStore,
    tasks: ScoringTasks,
    task: ScoringTask,
    under_way: dict[int, ScoringTask] | None = None,
) -> None:
    later = None
    try:
        later = _judged(traces, task)
    finally:
        if under_way is not None:
            # From here on its claim is not renewed.
            under_way.pop(task.task_id, None)
    if later is None:
        tasks.finish(task)
    else:
        tasks.postpone(task, later)


def _judged(traces: TraceStore, task: ScoringTask) -> float | None:
    """Judge a trace, unless it is judged; return in how many seconds to try again, if at all."""
    try:
        trace = traces.get(task.trace_id)
    except NotFound:
        return None
    age = time.time() * 1000 - trace.info.request_time
    if trace.info.state is TraceState.IN_PROGRESS and age < _SLOWEST_MS:
        return _WAIT_SECONDS
    if _is_done(traces, trace, task) or not _matches(traces, task):
        return None
    try:
        found = _verdict(task, trace)
    except LLMError as error:
        if error.trouble.passes and task.tries < MOST_TRIES:
            return error.retry_after or _WAIT_SECONDS * 2**task.tries
        found = [_failed(task, error)]
    except Exception as error:
        found = [_failed(task, error)]
    for number, each in enumerate(found, 1):
        part = f"{task.scorer.scorer_id} {number}/{len(found)}"
        marks = {SCORER: part, VERSION: str(task.scorer.version)}
        traces.create_assessment(evolve(each, metadata={**each.metadata, **marks}))
    return None


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
