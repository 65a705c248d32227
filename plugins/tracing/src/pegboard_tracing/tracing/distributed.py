"""Traces that go through several processes: the W3C's header ``traceparent`` carries them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pegboard.errors import InvalidValue

from pegboard_tracing import tracer
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.scopes import activate, deactivate
from pegboard_tracing.tracer import Parent, Remote, active

_HEADER = "traceparent"
_FORM = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)

logger = logging.getLogger("pegboard")


def get_tracing_context_headers_for_http_request() -> dict[str, str]:
    """Return the headers that make a request a part of the trace that is active here.

    Without one they are empty, and a warning says so.
    """
    span = active.get()
    if isinstance(span, LiveSpan):
        return {_HEADER: f"00-{span.trace_id.removeprefix('tr-')}-{span.span_id}-01"}
    if isinstance(span, Remote):
        return {_HEADER: f"00-{span.trace.trace_id.removeprefix('tr-')}-{span.span_id}-01"}
    if isinstance(span, NoOpSpan) and span.header:
        return {_HEADER: span.header}
    logger.warning("No trace is active, so the request is not made a part of one.")
    return {}


@contextmanager
def set_tracing_context_from_http_request_headers(headers: Mapping[str, str]) -> Iterator[None]:
    """Within this block spans are parts of the trace that a request came from.

    InvalidValue if its headers do not name one.
    """
    given = {name.lower(): value for name, value in dict(headers).items()}
    if _HEADER not in given:
        raise InvalidValue(
            f"The request has no header {_HEADER!r}, which says what trace it is a part of.",
            hint="Send what get_tracing_context_headers_for_http_request() returns.",
        )
    parent = _parent(given[_HEADER].strip())
    token = activate(parent)
    try:
        yield
    finally:
        deactivate(token)
        if isinstance(parent, Remote):
            tracer.put_down(parent.trace)


def _parent(header: str) -> Parent | None:
    found = _FORM.fullmatch(header)
    if found is None:
        # As the W3C has it: a new trace begins.
        logger.warning("%r is not a traceparent; a new trace begins.", header[:80])
        return None
    trace_id, span_id, flags = found.groups()
    if not int(flags, 16) & 1:
        return NoOpSpan(header)
    return Remote(tracer.take_up(f"tr-{trace_id}"), span_id)
