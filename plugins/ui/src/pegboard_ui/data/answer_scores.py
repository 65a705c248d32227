"""What scorers and people say of answers that were tried: columns, means, and assessments.

Each answer becomes a trace of its run, so that the same pages, searches and judges know it as any
other: with its inputs, what it took, the version of its prompt, and its scores as assessments.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import (
    SOURCE_RUN,
    SPAN_TYPE,
    TRACE_NAME,
    Assessment,
    AssessmentError,
    AssessmentKind,
    Span,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidValue, NotSupported
from pegboard_stores import prompt_tags
from pegboard_stores.clock import now_ms
from pegboard_stores.traces.outline import PREVIEW
from pegboard_stores.traces.usage import COST, TOKEN_USAGE

from pegboard_ui.data.spans import INPUTS, OUTPUTS

MOST_SCORES = 100
RATING = "rating"
OF_RUN = "mlflow.assessment.sourceRunId"
_MOST_NAME, _MOST_SAID = 250, 20_000
_SOURCES = ("LLM_JUDGE", "CODE", "HUMAN")
_TRUTHS = {"yes": 1.0, "no": 0.0}


class Row(Protocol):
    """One answer, as it is saved."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Values of variables."""

    @property
    def prompt(self) -> str:
        """What was asked."""

    @property
    def output(self) -> str:
        """What was answered."""

    @property
    def figures(self) -> Mapping[str, float]:
        """What it took: latency in seconds, tokens, cost in US dollars; and a rating."""

    @property
    def scores(self) -> Sequence[Assessment]:
        """What is said of it."""


def read(text: str) -> list[Assessment]:
    """Return scores, of no trace yet, as ``evaluations/score`` answers them; InvalidValue."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidValue("The field 'scores' is not a JSON list of scores.")
    if len(found) > MOST_SCORES:
        raise InvalidValue(f"An answer has {len(found)} scores; {MOST_SCORES} are the most.")
    return [_score(each) for each in found]


def _score(given: Mapping[str, Any]) -> Assessment:
    name, error = given.get("name"), given.get("error") or ""
    texts = (name, error, given.get("rationale") or "", given.get("source_id") or "")
    if not all(isinstance(each, str) and len(each) <= _MOST_SAID for each in texts):
        raise InvalidValue("A score has no name, or a text in it is too long, or none.")
    if not name or len(name) > _MOST_NAME:
        raise InvalidValue(f"A score has a name of 1 to {_MOST_NAME} characters.")
    if given.get("source_type") not in _SOURCES:
        raise InvalidValue(f"The source of a score is one of {', '.join(_SOURCES)}.")
    marks = given.get("metadata")
    return Assessment(
        "",
        str(name),
        AssessmentKind.FEEDBACK,
        None if error else given.get("value"),
        str(given["source_type"]),
        texts[3],
        AssessmentError("SCORER_ERROR", str(error)) if error else None,
        texts[2] or None,
        {str(k): str(v) for k, v in marks.items()} if isinstance(marks, dict) else {},
    )


def number_of(value: Any) -> float | None:
    """Return a score as a number: yes and true are 1; None if it is none."""
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def columns_of(scores: Iterable[Assessment]) -> dict[str, str]:
    """Return the cells of a row of MLflow's tables: ``NAME/value``, and why or what went wrong."""
    found = {}
    for each in scores:
        if each.error is not None:
            found[f"{each.name}/error_message"] = each.error.error_message
            continue
        number = number_of(each.value) if isinstance(each.value, bool) else None
        plain = each.value if isinstance(each.value, str) else json.dumps(each.value)
        found[f"{each.name}/value"] = plain if number is None else f"{number:g}"
        if each.rationale:
            found[f"{each.name}/rationale"] = each.rationale
    return found


def means(rows: Iterable[Sequence[Assessment]]) -> dict[str, float]:
    """Return the metrics of a run, as evaluations have them: ``NAME/mean`` of what is a number."""
    found: dict[str, list[float]] = {}
    for scores in rows:
        for each in scores:
            if each.error is None and (number := number_of(each.value)) is not None:
                found.setdefault(each.name, []).append(number)
    return {f"{name}/mean": math.fsum(all_) / len(all_) for name, all_ in found.items()}


def keep(
    store: TrackingStore,
    experiment_id: str,
    run_id: str,
    user: str,
    prompts: Sequence[Mapping[str, str]],
    model: str,
    rows: Sequence[Row],
) -> None:
    """Make a trace of each answer that is scored; a store that keeps no traces keeps none."""
    scored = [each for each in rows if each.scores or RATING in each.figures]
    try:
        traces = store.traces()
    except NotSupported:
        return
    for row in scored:
        trace_id = f"tr-{secrets.token_hex(16)}"
        said = _of_people(row, user) + list(row.scores)
        outline = _outline(trace_id, experiment_id, run_id, prompts, model, row)
        traces.start(outline)
        traces.log_spans(experiment_id, [_span(outline, model, row)])
        for each in said:
            traces.create_assessment(_of(each, trace_id, run_id))


def _of(score: Assessment, trace_id: str, run_id: str) -> Assessment:
    return Assessment(
        trace_id, score.name, score.kind, score.value, score.source_type, score.source_id,
        score.error, score.rationale, {**score.metadata, OF_RUN: run_id},
    )  # fmt: skip


def _of_people(row: Row, user: str) -> list[Assessment]:
    if RATING not in row.figures:
        return []
    mark = row.figures[RATING]
    value = int(mark) if mark.is_integer() else mark
    return [Assessment("", RATING, AssessmentKind.FEEDBACK, value, "HUMAN", user or "unknown")]


def _outline(
    trace_id: str,
    experiment_id: str,
    run_id: str,
    prompts: Sequence[Mapping[str, str]],
    model: str,
    row: Row,
) -> TraceInfo:
    took = row.figures.get("latency", 0.0)
    metadata = {SOURCE_RUN: run_id}
    tokens = {
        "input_tokens": row.figures.get("prompt_tokens"),
        "output_tokens": row.figures.get("completion_tokens"),
        "total_tokens": row.figures.get("total_tokens"),
    }
    if all(each is not None for each in tokens.values()):
        metadata[TOKEN_USAGE] = json.dumps({k: int(v or 0) for k, v in tokens.items()})
    if (cost := row.figures.get("cost")) is not None:
        metadata[COST] = json.dumps({"total_cost": cost})
    return TraceInfo(
        trace_id=trace_id,
        experiment_id=experiment_id,
        request_time=now_ms() - int(took * 1000),
        execution_duration=int(took * 1000),
        state=TraceState.OK,
        request_preview=json.dumps(dict(row.inputs) or row.prompt, ensure_ascii=False)[:PREVIEW],
        response_preview=row.output[:PREVIEW],
        trace_metadata=metadata,
        tags={
            TRACE_NAME: f"playground {model}"[:_MOST_NAME],
            prompt_tags.LINKED: json.dumps(list(prompts)),
        },
    )


def _span(outline: TraceInfo, model: str, row: Row) -> Span:
    start = outline.request_time * 1_000_000
    return Span(
        trace_id=outline.trace_id,
        span_id=secrets.token_hex(8),
        name=f"playground {model}",
        start_time_ns=start,
        end_time_ns=start + (outline.execution_duration or 0) * 1_000_000,
        status=SpanStatusCode.OK,
        kind="CLIENT",
        attributes={
            SPAN_TYPE: "CHAT_MODEL",
            INPUTS: dict(row.inputs) or {"prompt": row.prompt},
            OUTPUTS: row.output,
            "pegboard.prompt": row.prompt,
            "mlflow.llm.model": model,
        },
    )
