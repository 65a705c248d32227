"""Spans and outlines of traces as lines of text, as journals keep them.

A line is a list in JSON, and lines are separated by line feeds. Those that know only what a script
knows write them, in the fewest steps: a span that has ended is one line, made from texts that were
JSON before. ``SPAN``, ``TRACE`` and ``NOTE`` say what the lists hold:

===== =========================================================================================
SPAN  experiment, trace, span id, parent's id, name, start and end in ns, status, its message,
      attributes, events as ``[name, time in ns, attributes]``, links as ``[trace, span,
      attributes]``
TRACE experiment, trace, time and duration in ms, state, client's request id, previews of the
      request and the response, metadata, tags
NOTE  experiment, trace, tags, metadata: what a process says of a trace that another one began
===== =========================================================================================

The experiment is an id; or its name in a list, where who wrote it could not ask for the id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define, field
from pegboard.entities.traces import (
    Span,
    SpanEvent,
    SpanLink,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)

SPAN, TRACE, NOTE = "s", "t", "n"
_AT_ONCE = 500
"""How many lines are read by one call."""
_STATUSES = {str(code): code for code in SpanStatusCode}

logger = logging.getLogger(__name__)


@define
class Note:
    """What is added to a trace."""

    tags: dict[str, str] = field(factory=dict)
    metadata: dict[str, str] = field(factory=dict)


@define
class Records:
    """What was written about traces of one experiment: the last outline of each, and spans."""

    spans: dict[tuple[str, str], Span] = field(factory=dict)
    """By the ids of trace and span: of a span that was written twice the last."""
    infos: dict[str, TraceInfo] = field(factory=dict)
    notes: dict[str, Note] = field(factory=dict)

    def of_trace(self, trace_id: str) -> Records:
        """Return what of it is about one trace."""
        spans = {key: span for key, span in self.spans.items() if key[0] == trace_id}
        infos = {key: info for key, info in self.infos.items() if key == trace_id}
        notes = {key: note for key, note in self.notes.items() if key == trace_id}
        return Records(spans, infos, notes)

    def trace_ids(self) -> list[str]:
        """Return the ids of the traces, in the order they came."""
        return list(dict.fromkeys([*(key[0] for key in self.spans), *self.infos, *self.notes]))


def read(contents: Iterable[bytes], find: Callable[[str], str]) -> dict[str, Records]:
    """Return what records hold, by the ids of experiments; ``find`` returns that of a name."""
    found: dict[str, Records] = {}
    records, last = Records(), None
    for kind, experiment, *fields in _lines(contents):
        # Lines of one experiment follow each other.
        if experiment != last:
            last = experiment
            own = find(experiment[0]) if isinstance(experiment, list) else experiment
            records = found.setdefault(own, Records())
        if kind == SPAN:
            span = _span(*fields)
            records.spans[span.trace_id, span.span_id] = span
        elif kind == TRACE:
            info = _info(own, *fields)
            records.infos[info.trace_id] = info
        elif kind == NOTE:
            trace_id, tags, metadata = fields
            note = records.notes.setdefault(trace_id, Note())
            note.tags.update(tags)
            note.metadata.update(metadata)
    return found


def _lines(contents: Iterable[bytes]) -> Iterator[list[Any]]:
    lines = [line for content in contents for line in content.split(b"\n") if line]
    for start in range(0, len(lines), _AT_ONCE):
        part = lines[start : start + _AT_ONCE]
        try:
            yield from json.loads(b"[%s]" % b",".join(part))
        except (ValueError, RecursionError):
            yield from _one_by_one(part)


def _one_by_one(lines: Iterable[bytes]) -> Iterator[list[Any]]:
    """Yield what lines say; one that cannot be read must not hold up the others."""
    for line in lines:
        try:
            yield json.loads(line.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            logger.warning("A span could not be read and is left out: %r: %.200r", error, line)


def _span(
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    name: str,
    start: int,
    end: int | None,
    status: str,
    message: str,
    attributes: dict[str, Any],
    events: list[Any],
    links: list[Any],
) -> Span:
    return Span(
        trace_id,
        span_id,
        name,
        start,
        end,
        parent_id,
        _STATUSES[status],
        message,
        "INTERNAL",
        attributes,
        [SpanEvent(*event) for event in events] if events else (),
        [SpanLink(*link) for link in links] if links else (),
    )


def _info(
    experiment: str,
    trace_id: str,
    time_ms: int,
    duration_ms: int | None,
    state: str,
    client_request_id: str | None,
    request: str | None,
    response: str | None,
    metadata: dict[str, str],
    tags: dict[str, str],
) -> TraceInfo:
    return TraceInfo(
        trace_id,
        experiment,
        time_ms,
        TraceState(state),
        duration_ms,
        client_request_id,
        request,
        response,
        metadata,
        tags,
    )
