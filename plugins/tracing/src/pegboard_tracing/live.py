"""Spans while they are open, and the traces that they make up.

The caller waits for what is done here, so it is little: attributes become JSON when they are set,
and a span that ends is put together from these texts as one line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from pegboard.entities.traces import SpanStatusCode
from pegboard.errors import InvalidValue
from pegboard_stores.traces.records import SPAN

from pegboard_tracing import ids, keys
from pegboard_tracing.entities.spans import Span
from pegboard_tracing.entities.status import (
    Link,
    SpanEvent,
    SpanLogLevel,
    SpanStatus,
    as_status_code,
    message_of,
)
from pegboard_tracing.values import decode, encode

_UNSET, _OK, _ERROR = SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR
_WEIGHTY = frozenset(
    f'"{each}"' for each in ("LLM", "CHAT_MODEL", "TOOL", "RETRIEVER", "AGENT", "EMBEDDING")
)
_INFO, _DEBUG = str(int(SpanLogLevel.INFO)), str(int(SpanLogLevel.DEBUG))
_MOST_KNOWN = 10_000
_known: dict[str, str] = {}
"""Texts such as names of attributes and spans as JSON."""

_time_ns = time.time_ns
logger = logging.getLogger("pegboard")


def quoted(text: str) -> str:
    """Return a text as JSON; those that come again and again are looked up."""
    found = _known.get(text)
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[text] = encode(text)
    return found


class OpenTrace:
    """A trace of this process whose first span has not ended.

    What is set here goes into its outline, which is written when the first span ends.
    """

    __slots__ = (
        "client_request_id",
        "destination",
        "experiment",
        "is_remote",
        "metadata",
        "open",
        "outside",
        "request_preview",
        "response_preview",
        "root",
        "state",
        "tags",
        "trace_id",
    )

    def __init__(self, trace_id: str, destination: Any, *, is_remote: bool = False) -> None:
        """``destination`` is where its spans go; ``is_remote``: another process began it."""
        self.trace_id = trace_id
        self.destination = destination
        self.experiment: str = destination.experiment
        self.is_remote = is_remote
        self.root: LiveSpan | None = None
        self.open: dict[str, LiveSpan] = {}
        self.outside: Any = None
        """Its place among OpenTelemetry's spans, where these have processors."""
        self.tags: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.state: str | None = None
        self.client_request_id: str | None = None
        self.request_preview: str | None = None
        self.response_preview: str | None = None


class LiveSpan(Span):
    """A span that has not ended: what went in and out of it, and more, can be set.

    What cannot be kept is left out with a warning; no method but those that refuse their arguments
    raises.
    """

    __slots__ = ("_trace", "is_written")

    _trace: OpenTrace
    is_written: bool
    """Whether it was written while it was open."""
    ending: Callable[[LiveSpan, int], None]
    """What is called when one ends; set by ``tracer``."""

    def __init__(
        self,
        trace: OpenTrace,
        name: str,
        span_type: str | None,
        parent_id: str | None,
        start_time_ns: int | None = None,
    ) -> None:
        self._trace = trace
        self.is_written = False
        self._trace_id = trace.trace_id
        self._span_id = span_id = ids.span_id()
        self._parent_id = parent_id
        self._name = name
        self._end = None
        self._code, self._message = _UNSET, ""
        self._events: list[SpanEvent] = []
        self._links: list[Link] = []
        self._texts = {
            keys.TRACE_ID: f'"{trace.trace_id}"',
            keys.SPAN_TYPE: "null" if span_type is None else quoted(span_type),
        }
        if start_time_ns is None:
            self._start = _time_ns()
        else:
            self._start = start_time_ns
            self._texts[keys.START_TIME_NS] = str(start_time_ns)
        # Last: from here on another thread may write it as far as it goes.
        trace.open[span_id] = self

    # -- reading -------------------------------------------------------------------------------

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes, as they will be read."""
        return {key: decode(text) for key, text in self._texts.items()}

    def get_attribute(self, key: str) -> Any:
        """Return an attribute as it will be read; None if there is none."""
        text = self._texts.get(key)
        return None if text is None else decode(text)

    def attribute_texts(self) -> dict[str, str]:
        """Return the attributes, each as JSON."""
        return dict(self._texts)

    @property
    def texts(self) -> Mapping[str, str]:
        """The attributes as they are now, each as JSON."""
        return self._texts

    @property
    def code(self) -> SpanStatusCode:
        """How it ended, without more words."""
        return self._code

    @property
    def trace(self) -> OpenTrace:
        """The trace that it is a part of."""
        return self._trace

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self._end is None

    # -- setting -------------------------------------------------------------------------------

    def set_inputs(self, inputs: Any) -> None:
        """Set what went in."""
        self.set_attribute(keys.INPUTS, inputs)

    def set_outputs(self, outputs: Any) -> None:
        """Set what came out."""
        self.set_attribute(keys.OUTPUTS, outputs)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute, of any value; it is kept as it is now."""
        if self._end is not None:
            logger.debug("The span %r has ended; %r is not set.", self._name, key)
            return
        name: Any = key
        if not isinstance(name, str):
            logger.warning("The name of an attribute is a text, not %r; it is left out.", name)
            return
        self._texts[name] = encode(value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        given: Any = attributes
        if not isinstance(given, Mapping):
            logger.warning("Attributes are a dict, not %r; they are left out.", given)
            return
        for key, value in given.items():
            self.set_attribute(key, value)

    def set_span_type(self, span_type: str) -> None:
        """Set what sort of step it is."""
        self.set_attribute(keys.SPAN_TYPE, span_type)

    def set_description(self, description: str) -> None:
        """Set what people are told about it."""
        self.set_attribute(keys.DESCRIPTION, description)

    def set_log_level(self, level: SpanLogLevel | str) -> None:
        """Set how weighty it is: a ``SpanLogLevel`` or its name."""
        self.set_attribute(keys.LOG_LEVEL, int(SpanLogLevel.from_value(level)))

    def set_status(self, status: SpanStatus | SpanStatusCode | str) -> None:
        """Set how it ended, ``OK`` or ``ERROR``."""
        given = status if isinstance(status, SpanStatus) else SpanStatus(as_status_code(status))
        # As with OpenTelemetry: what was OK stays OK, and only an error has a description.
        if self._end is None and self._code is not _OK and given.status_code is not _UNSET:
            self._code = given.status_code
            self._message = given.description if given.status_code is _ERROR else ""

    def add_event(self, event: SpanEvent) -> None:
        """Add something that happened."""
        if self._end is not None:
            return
        self._events.append(event)
        if event.name == "exception":
            level = self._texts.get(keys.LOG_LEVEL)
            if level is None or int(level) < SpanLogLevel.ERROR:
                self._texts[keys.LOG_LEVEL] = str(int(SpanLogLevel.ERROR))

    def add_link(self, link: Link) -> None:
        """Add a span that it is related to."""
        given: Any = link
        if not isinstance(given, Link):
            raise InvalidValue(f"A link of a span is a Link, not {type(given).__name__}.")
        digits = str(link.trace_id).removeprefix("tr-")
        try:
            fits = int(digits, 16) < 1 << 128 and int(str(link.span_id), 16) < 1 << 64
        except ValueError:
            fits = False
        if not fits:
            raise InvalidValue(
                f"A link cannot lead to the span {link.span_id!r} of the trace {link.trace_id!r}.",
                hint="The id of a trace is 'tr-' and 32 hex digits, that of a span 16.",
            )
        if self._end is None:
            self._links.append(Link(f"tr-{digits:0>32}", link.span_id, link.attributes))

    def record_exception(self, exception: BaseException | str) -> None:
        """Add an exception as an event, and set the status to ERROR."""
        if isinstance(exception, str):
            exception = Exception(exception)
        if not isinstance(exception, BaseException):
            raise InvalidValue(f"{exception!r} is neither an exception nor a text.")
        self.add_event(SpanEvent.from_exception(exception))
        told = f"{type(exception).__name__}: {message_of(exception)}"
        self.set_status(SpanStatus(_ERROR, told))

    # -- the end -------------------------------------------------------------------------------

    def end(
        self,
        outputs: Any = None,
        attributes: Mapping[str, Any] | None = None,
        status: SpanStatus | SpanStatusCode | str | None = None,
        end_time_ns: int | None = None,
    ) -> None:
        """End the span; it is kept when this returns, and cannot be changed any more."""
        if self._end is not None:
            return
        try:
            if attributes:
                self.set_attributes(attributes)
            if outputs is not None:
                self.set_outputs(outputs)
            if status is not None:
                self.set_status(status)
        except Exception as error:
            logger.warning("The end of the span %r is incomplete: %s", self._name, error)
        self.finish(end_time_ns or _time_ns())

    def finish(self, end_time_ns: int) -> None:
        """End the span as it is."""
        if self._code is _UNSET:
            self._code = _OK
        texts = self._texts
        if keys.LOG_LEVEL not in texts:
            texts[keys.LOG_LEVEL] = _INFO if texts[keys.SPAN_TYPE] in _WEIGHTY else _DEBUG
        # The state of an unended span until here: span processors may still set something.
        LiveSpan.ending(self, end_time_ns)

    def close(self, end_time_ns: int) -> None:
        """Note that it has ended; nothing can be set from now on."""
        self._end = end_time_ns
        self._trace.open.pop(self._span_id, None)

    def line(self) -> str:
        """Return it as a line of ``pegboard_stores.traces.records``."""
        texts = self._texts
        attributes = ",".join(
            [f"{quoted(key)}:{text}" for key, text in texts.items() if key != keys.TRACE_ID]
        )
        parent = f'"{self._parent_id}"' if self._parent_id else "null"
        end = "null" if self._end is None else self._end
        message = encode(self._message) if self._message else '""'
        events = encode([_event(event) for event in self._events]) if self._events else "[]"
        links = encode([_link(link) for link in self._links]) if self._links else "[]"
        return (
            f'["{SPAN}",{self._trace.experiment},"{self._trace_id}","{self._span_id}",{parent},'
            f'{quoted(self._name)},{self._start},{end},"{self._code.value}",{message},'
            f"{{{attributes}}},{events},{links}]"
        )

    def to_immutable_span(self) -> Span:
        """Return the span as it is now."""
        made = Span.__new__(Span)
        for slot in ("trace_id", "span_id", "parent_id", "name", "start", "end", "code", "message"):
            setattr(made, f"_{slot}", getattr(self, f"_{slot}"))
        made._values = self.attributes
        made._events, made._links = list(self._events), list(self._links)
        return made

    def __reduce__(self) -> Any:
        raise TypeError(
            "A span that is open cannot be pickled or copied; to_immutable_span() returns one "
            "that can."
        )


def _event(event: SpanEvent) -> list[Any]:
    return [event.name, event.timestamp, dict(event.attributes)]


def _link(link: Link) -> list[Any]:
    return [link.trace_id, link.span_id, link.attributes or {}]
