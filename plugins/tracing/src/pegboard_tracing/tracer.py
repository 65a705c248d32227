"""The traces of this process: beginning and ending spans, and which span is the active one."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

from attrs import field, frozen
from pegboard.targets import resolve

from pegboard_tracing import destinations, ids, outlines
from pegboard_tracing.live import LiveSpan, OpenTrace
from pegboard_tracing.noop import NoOpSpan

_SDK = "opentelemetry.sdk.trace"
"""What is imported where OpenTelemetry has a provider. We do not import it."""

_LONG_SECONDS = 1.0
"""After this time a span that is open is written as far as it goes."""


@frozen
class Remote:
    """A span of another process, within which spans of this one begin."""

    trace: OpenTrace
    span_id: str


@frozen
class Scope:
    """What ``tracing.context`` and ``tracing.set_destination`` say about traces that begin."""

    metadata: dict[str, str] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    enabled: bool | None = None
    experiment_id: str | None = None


class Configuration:
    """What holds for the whole process."""

    def __init__(self) -> None:
        self.enabled = True
        self.experiment_id: str | None = None
        self.processors: list[Callable[[LiveSpan], None]] = []
        self.ratio: float | None = None
        """Which part of the traces is kept; None until the environment is asked."""


Parent: TypeAlias = LiveSpan | NoOpSpan | Remote

active: ContextVar[Parent | None] = ContextVar("pegboard_span", default=None)
"""The span that new ones begin in."""
scope: ContextVar[Scope | None] = ContextVar("pegboard_tracing", default=None)
ratio_override: ContextVar[float | None] = ContextVar("pegboard_sampling", default=None)
configuration = Configuration()
last_of_thread: ContextVar[str | None] = ContextVar("pegboard_last_trace", default=None)
last_of_process: str | None = None

_modules = sys.modules
_is_meeting = True
_lock = threading.Lock()
_traces: dict[str, OpenTrace] = {}
_watcher: threading.Thread | None = None
_wake = threading.Event()
_said: set[str] = set()
logger = logging.getLogger("pegboard")


# -- beginning -------------------------------------------------------------------------------------


def begin(
    name: str,
    span_type: str | None,
    parent: Parent | None,
    *,
    experiment_id: str | None = None,
    start_time_ns: int | None = None,
) -> LiveSpan | NoOpSpan:
    """Begin a span within another, or a trace; never raises."""
    if not configuration.enabled:
        return NoOpSpan()
    try:
        if type(parent) is LiveSpan:
            return LiveSpan(parent._trace, str(name), span_type, parent._span_id, start_time_ns)
        if parent is None:
            return _begin_trace(str(name), span_type, experiment_id, start_time_ns)
        if isinstance(parent, Remote):
            return LiveSpan(parent.trace, str(name), span_type, parent.span_id, start_time_ns)
    except Exception as error:
        complain("The span %r could not begin: %s", name, error)
        return NoOpSpan()
    return parent


def _begin_trace(
    name: str, span_type: str | None, experiment_id: str | None, start_time_ns: int | None
) -> LiveSpan | NoOpSpan:
    given = scope.get()
    if given is not None and given.enabled is False:
        return NoOpSpan()
    ratio = ratio_override.get()
    if ratio is None:
        ratio = sampling_ratio()
    if not ids.is_chosen(ratio):
        return NoOpSpan(f"00-{ids.trace_id()[3:]}-{ids.span_id()}-00")
    trace = open_trace(ids.trace_id(), experiment_id)
    span = trace.root = LiveSpan(trace, name, span_type, None, start_time_ns)
    if _watcher is None:
        _watch()
    if _SDK in _modules:
        _meet(trace, name)
    return span


def take_up(trace_id: str) -> OpenTrace:
    """Return a trace that another process began, or that is open in this one."""
    trace = find(trace_id)
    if trace is None:
        trace = OpenTrace(trace_id, destinations.current(chosen()), is_remote=True)
        _traces[trace_id] = trace
    return trace


def put_down(trace: OpenTrace) -> None:
    """Keep what was said of a trace that another process began, and forget it."""
    if trace.is_remote:
        write_note(trace)
        if find(trace.trace_id) is trace:
            del _traces[trace.trace_id]


def open_trace(trace_id: str, experiment_id: str | None = None) -> OpenTrace:
    """Return a trace that begins now, with what was said about those; ``find`` knows it."""
    given = scope.get()
    trace = OpenTrace(trace_id, destinations.current(experiment_id or chosen()))
    if given is not None:
        trace.metadata.update(given.metadata)
        trace.tags.update(given.tags)
    _traces[trace_id] = trace
    return trace


def close_trace(trace: OpenTrace) -> None:
    """Note that a trace has ended: ``find`` does not know it any more."""
    global last_of_process
    last_of_process = trace.trace_id
    last_of_thread.set(trace.trace_id)
    _traces.pop(trace.trace_id, None)


def _meet(trace: OpenTrace, name: str) -> None:
    """Let OpenTelemetry's provider have the spans of a trace, if others have set one."""
    global _is_meeting
    if not _is_meeting:
        return
    try:
        resolve("pegboard_tracing.tracing.passing:begun")(trace, name)
    except Exception as error:
        _is_meeting = False
        complain("Spans do not reach OpenTelemetry: %r", error)


def chosen() -> str | None:
    """Return the experiment that was set as the destination of traces, if one was."""
    given = scope.get()
    return (given and given.experiment_id) or configuration.experiment_id


def sampling_ratio() -> float:
    """Return which part of the traces is kept, from 0 to 1."""
    if configuration.ratio is None:
        configuration.ratio = _ratio_of_environment()
    return configuration.ratio


def _ratio_of_environment() -> float:
    given = os.environ.get("PEGBOARD_TRACE_SAMPLING_RATIO") or os.environ.get(
        "MLFLOW_TRACE_SAMPLING_RATIO"
    )
    if not given:
        return 1.0
    try:
        ratio = float(given)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        complain(
            "The sampling ratio of traces is %r, not a number from 0 to 1; all are kept.", given
        )
        return 1.0
    return ratio


# -- ending ----------------------------------------------------------------------------------------


def _end(span: LiveSpan, end_time_ns: int) -> None:
    """Keep a span that ends now; never raises."""
    if configuration.processors:
        _process(span)
    trace = span._trace
    try:
        if span is trace.root:
            with _lock:
                # From here on the watcher does not write it any more.
                close_trace(trace)
                span.close(end_time_ns)
            trace.destination.write(f"{span.line()}\n{outlines.line(trace, span)}")
        else:
            span.close(end_time_ns)
            trace.destination.write(span.line())
            if trace.is_remote and span.parent_id not in trace.open:
                write_note(trace)
    except Exception as error:
        span._end = end_time_ns
        complain("The span %r could not be kept: %s", span.name, error)


def write_note(trace: OpenTrace) -> None:
    """Keep what was said here of a trace that another process began; never raises."""
    if not trace.tags and not trace.metadata:
        return
    try:
        trace.destination.write(outlines.note(trace))
    except Exception as error:
        complain("Tags of the trace %r could not be kept: %s", trace.trace_id, error)
    trace.tags.clear()
    trace.metadata.clear()


LiveSpan.ending = staticmethod(_end)


def _process(span: LiveSpan) -> None:
    for process in configuration.processors:
        try:
            if process(span) is not None:
                complain("The span processor %s returned something; it is ignored.", _name(process))
        except Exception as error:
            complain("The span processor %s failed: %r", _name(process), error)


def _name(process: Callable[..., Any]) -> str:
    return getattr(process, "__name__", None) or type(process).__name__


def complain(message: str, *about: Any) -> None:
    """Warn of what went wrong with tracing; of the same only once."""
    text = message % about
    if text not in _said and len(_said) < 1000:
        _said.add(text)
        logger.warning("%s", text)


# -- open traces -----------------------------------------------------------------------------------


def find(trace_id: str) -> OpenTrace | None:
    """Return a trace of this process whose first span is open."""
    return _traces.get(trace_id)


def current_span() -> LiveSpan | None:
    """Return the active span, if there is one that is kept."""
    span = active.get()
    return span if isinstance(span, LiveSpan) else None


def current_trace() -> OpenTrace | None:
    """Return the trace that is active; it may be one that another process began."""
    span = active.get()
    return span.trace if isinstance(span, (LiveSpan, Remote)) else None


def _watch() -> None:
    global _watcher
    with _lock:
        if _watcher is None:
            _watcher = threading.Thread(target=_look, name="pegboard-open-spans", daemon=True)
            _watcher.start()


def _look() -> None:
    while not _wake.wait(_LONG_SECONDS):
        try:
            write_open(time.time_ns() - int(_LONG_SECONDS * 1e9))
        except Exception as error:
            complain("Open spans could not be written: %r", error)


def write_open(before_ns: int) -> None:
    """Write the spans that are open since some time, as far as they go, each once."""
    for trace in list(_traces.values()):
        write_now(trace, before_ns)


def write_now(trace: OpenTrace, before_ns: int | None = None) -> None:
    """Write the open spans of a trace, those since some time or all, each once."""
    with _lock:
        root = trace.root
        if root is None or not root.is_open:
            return
        spans = [
            span
            for span in list(trace.open.values())
            if not span.is_written and (before_ns is None or span.start_time_ns <= before_ns)
        ]
        if not spans:
            return
        try:
            lines = [span.line() for span in spans]
            trace.destination.write("\n".join([*lines, outlines.line(trace, root)]))
        except Exception as error:
            complain("Open spans could not be kept: %s", error)
        for span in spans:
            span.is_written = True


def _at_exit() -> None:
    """Write what is still open: the process ends without it."""
    write_open(time.time_ns())
    try:
        destinations.flush_queues()
    except Exception as error:
        complain("Traces could not be kept: %s", error)


def _in_child() -> None:
    """In a forked child: the open traces are the parent's to end, and its threads are not here."""
    global _lock, _watcher
    _lock = threading.Lock()
    _watcher = None
    _traces.clear()
    destinations.forget()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
