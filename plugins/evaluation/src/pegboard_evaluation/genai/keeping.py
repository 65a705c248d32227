"""Scores in the run's traces, where each is durable when it is there; and reading them back."""

from __future__ import annotations

import functools
import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import AssessmentKind, TraceState
from pegboard_tracing import api
from pegboard_tracing.api import (
    Assessment,
    AssessmentSource,
    AssessmentSourceType,
    Expectation,
    Feedback,
)

from pegboard_evaluation.genai.answering import ROW, Answer
from pegboard_evaluation.genai.cases import Case
from pegboard_evaluation.genai.scoring import Scorer

SCORER = "pegboard.evaluation.scorer"
"""In the metadata of an assessment: ``NAME PART/PARTS`` of what a scorer returned."""

_DIGEST = "mlflow.assessment.scorerDigest"
_PIECE = 100


@define
class Earlier:
    """What an evaluation that broke off knew of a row."""

    answer: Answer
    scores: dict[str, list[Feedback]] = field(factory=dict)
    """By scorer, all that it returned."""
    failed: dict[str, list[str]] = field(factory=dict)
    """By scorer, the ids of what is to be replaced."""
    expected: set[str] = field(factory=set)
    """Names of expectations that are there."""

    def ids_of(self, scorer: str) -> list[Any]:
        """Return the ids of what a scorer left, to replace it."""
        whole = [each.assessment_id for each in self.scores.get(scorer, ())]
        return [*whole, *self.failed.get(scorer, ())]


def expectations(
    case: Case, answer: Answer, run_id: str, known: set[str]
) -> list[tuple[str, Assessment]]:
    """Return what was expected of a row, to be logged with its trace."""
    made: list[tuple[str, Assessment]] = []
    there = set(known)
    if case.trace is not None:
        there |= {
            each.name
            for each in case.trace.info.assessments
            if each.kind is AssessmentKind.EXPECTATION
        }
    source = AssessmentSource(AssessmentSourceType.HUMAN, _user())
    for name, value in case.expectations.items():
        if name not in there and answer.trace_id is not None:
            metadata, kept = {api.SOURCE_RUN_ID: run_id}, _storable(value)
            each = Expectation(name, kept, source, metadata=metadata, span_id=answer.span_id)
            made.append((answer.trace_id, each))
    return made


def _storable(value: Any) -> Any:
    """Return a value that JSON can hold in the place of one that it cannot."""
    try:
        json.dumps(value)
    except Exception:
        return json.loads(api.encode(value))
    return value


@functools.cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def digest_of(found: Sequence[Feedback]) -> str:
    """Return which definition of a scorer gave scores."""
    return (found[0].metadata or {}).get(_DIGEST, "") if found else ""


def marked(
    scorer: Scorer, found: Sequence[Feedback], answer: Answer, run_id: str
) -> list[tuple[str, Assessment]]:
    """Return what a scorer returned for a row, to be logged with its trace."""
    for number, each in enumerate(found, 1):
        mark = {api.SOURCE_RUN_ID: run_id, SCORER: f"{scorer.name} {number}/{len(found)}"}
        if scorer.digest:
            mark[_DIGEST] = scorer.digest
        each.metadata = {**(each.metadata or {}), **mark}
        each.trace_id, each.run_id = answer.trace_id, run_id
        each.span_id = each.span_id or answer.span_id
    return [] if answer.trace_id is None else [(answer.trace_id, each) for each in found]


def whole_trace(answer: Answer) -> api.Trace | None:
    """Return the trace of a row, read when it is first wanted."""
    if answer.trace is None and answer.trace_id is not None:
        found = api.traces_of().traces([answer.trace_id])
        answer.trace = api.Trace.of(found[0]) if found else None
    return answer.trace


def find_root(answer: Answer) -> None:
    """Find the first span of a trace that the user's function made."""
    if answer.span_id is None:
        trace = whole_trace(answer)
        root = None if trace is None else trace.data.root
        answer.span_id = None if root is None else root.span_id


def final_traces(answers: Sequence[Answer], store: TraceStore) -> Iterator[api.Trace]:
    """Yield traces as they are in the store, in the order of the answers; those that are there."""
    ids = [each.trace_id for each in answers if each.trace_id is not None]
    for start in range(0, len(ids), _PIECE):
        piece = ids[start : start + _PIECE]
        found = {each.info.trace_id: each for each in store.traces(piece)}
        yield from (api.Trace.of(found[each]) for each in piece if each in found)


# -- going on ------------------------------------------------------------------------------------


def earlier(run_id: str, experiment_id: str) -> Mapping[str, Earlier]:
    """Return what a run knows of its rows, by their keys: answers and scores that are whole."""
    found: dict[str, Earlier] = {}
    traces = api.search_traces(locations=[experiment_id], run_id=run_id, return_type="list")
    for trace in reversed(traces):
        own = trace.info.trace_metadata.get(ROW)
        if own is not None and trace.info.state is not TraceState.OK:
            continue
        root = trace.data.root
        if root is None:
            continue
        answer = Answer(root.outputs, trace.trace_id, None, root.span_id, trace)
        found[own or trace.trace_id] = _read(answer, trace, run_id)
    return found


def _read(answer: Answer, trace: api.Trace, run_id: str) -> Earlier:
    made = Earlier(answer)
    parts: dict[str, dict[str, Feedback]] = {}
    for each in trace.info.assessments:
        if each.kind is AssessmentKind.EXPECTATION:
            made.expected.add(each.name)
        mark = (each.metadata or {}).get(SCORER)
        if mark is None or each.run_id != run_id or not isinstance(each, Feedback):
            continue
        scorer, _, part = mark.rpartition(" ")
        parts.setdefault(scorer, {})[part] = each
    for scorer, by_part in parts.items():
        count = int(next(iter(by_part)).partition("/")[2])
        whole = [by_part.get(f"{number}/{count}") for number in range(1, count + 1)]
        if all(each is not None and each.error is None for each in whole):
            made.scores[scorer] = [each for each in whole if each is not None]
        else:
            made.failed[scorer] = [each.assessment_id or "" for each in by_part.values()]
    return made


def forget(answer: Answer, assessment_ids: Sequence[Any]) -> None:
    """Remove scores that are made anew."""
    for each in assessment_ids:
        if each and answer.trace_id is not None:
            api.delete_assessment(answer.trace_id, each)
