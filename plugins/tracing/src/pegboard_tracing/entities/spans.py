"""Spans as they are read: they do not change any more."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities import traces as stored
from pegboard.entities.traces import SpanStatusCode
from pegboard.errors import InvalidValue

from pegboard_tracing import keys
from pegboard_tracing.entities.status import Link, SpanEvent, SpanLogLevel, SpanStatus
from pegboard_tracing.values import decode, encode


class Span:
    """One step of a trace. Times in ns since the Unix epoch."""

    __slots__ = (
        "__weakref__",
        "_code",
        "_end",
        "_events",
        "_links",
        "_message",
        "_name",
        "_parent_id",
        "_span_id",
        "_start",
        "_texts",
        "_trace_id",
        "_values",
    )

    _trace_id: str
    _span_id: str
    _parent_id: str | None
    _name: str
    _start: int
    _end: int | None
    _code: SpanStatusCode
    _message: str
    _texts: dict[str, str]
    """Attributes, each as JSON."""
    _values: dict[str, Any]
    """Attributes of a span that was read; they are kept so, not as texts."""
    _events: Sequence[SpanEvent]
    _links: Sequence[Link]

    @classmethod
    def of(cls, span: stored.Span) -> Span:
        """Return a span that a store returned."""
        made = Span.__new__(Span)
        made._trace_id, made._span_id, made._parent_id = span.trace_id, span.span_id, span.parent_id
        made._name, made._start, made._end = span.name, span.start_time_ns, span.end_time_ns
        made._code, made._message = span.status, span.status_message
        made._values = {keys.TRACE_ID: span.trace_id, **span.attributes}
        made._values.setdefault(keys.SPAN_TYPE, "UNKNOWN")
        made._events = [
            SpanEvent(event.name, event.timestamp, dict(event.attributes)) for event in span.events
        ]
        made._links = [
            Link(_trace_id(link.trace_id), link.span_id, dict(link.attributes) or None)
            for link in span.links
        ]
        return made

    @property
    def trace_id(self) -> str:
        """The id of the trace that it is a part of."""
        return self._trace_id

    @property
    def request_id(self) -> str:
        """The older name of ``trace_id``."""
        return self._trace_id

    @property
    def span_id(self) -> str:
        """Its id: 16 hex digits."""
        return self._span_id

    @property
    def parent_id(self) -> str | None:
        """The id of the span that it is within; None for the first one."""
        return self._parent_id

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def start_time_ns(self) -> int:
        """When it began."""
        return self._start

    @property
    def end_time_ns(self) -> int | None:
        """When it ended; None if it has not."""
        return self._end

    @property
    def status(self) -> SpanStatus:
        """How it ended."""
        return SpanStatus(self._code, self._message)

    @property
    def inputs(self) -> Any:
        """What went in."""
        return self.get_attribute(keys.INPUTS)

    @property
    def outputs(self) -> Any:
        """What came out."""
        return self.get_attribute(keys.OUTPUTS)

    @property
    def span_type(self) -> str:
        """What sort of step it is: one of ``SpanType``, or any other text."""
        return str(self.get_attribute(keys.SPAN_TYPE))

    @property
    def log_level(self) -> SpanLogLevel | None:
        """How weighty it is."""
        level = self.get_attribute(keys.LOG_LEVEL)
        return None if level is None else SpanLogLevel(level)

    @property
    def description(self) -> str | None:
        """What people are told about it."""
        told: str | None = self.get_attribute(keys.DESCRIPTION)
        return told

    @property
    def model_name(self) -> str | None:
        """The language model that was called."""
        told: str | None = self.get_attribute(keys.MODEL)
        return told

    @property
    def llm_cost(self) -> dict[str, float] | None:
        """What the call cost, in US dollars: input_cost, output_cost and total_cost."""
        told: dict[str, float] | None = self.get_attribute(keys.COST)
        return told

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes."""
        return dict(self._values)

    @property
    def events(self) -> list[SpanEvent]:
        """What happened during the span."""
        return list(self._events)

    @property
    def links(self) -> list[Link]:
        """Spans that it is related to."""
        return list(self._links)

    def get_attribute(self, key: str) -> Any:
        """Return an attribute; None if there is none."""
        return self._values.get(key)

    def attribute_texts(self) -> dict[str, str]:
        """Return the attributes, each as JSON."""
        return {key: encode(value) for key, value in self._values.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in MLflow's form."""
        return {
            "trace_id": _base64(self._trace_id.removeprefix("tr-")),
            "span_id": _base64(self._span_id),
            "parent_span_id": _base64(self._parent_id) if self._parent_id else None,
            "name": self._name,
            "start_time_unix_nano": self._start,
            "end_time_unix_nano": self._end,
            "events": [
                {
                    "name": event.name,
                    "time_unix_nano": event.timestamp,
                    "attributes": dict(event.attributes),
                }
                for event in self._events
            ],
            "status": {"code": f"STATUS_CODE_{self._code}", "message": self._message},
            "attributes": self.attribute_texts(),
            "links": [link.to_dict() for link in self._links],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Span:
        """Return what ``to_dict`` made, here or with MLflow; InvalidValue."""
        try:
            return _read(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidValue(f"This is not a span as MLflow writes it: {error!r}") from error

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self.name!r}, trace_id={self.trace_id!r}, "
            f"span_id={self.span_id!r}, parent_id={self.parent_id!r})"
        )


def _read(data: Mapping[str, Any]) -> Span:
    status = data["status"]
    values = {key: _decoded(text) for key, text in data["attributes"].items()}
    parent = data.get("parent_span_id")
    end = data.get("end_time_unix_nano")
    span = stored.Span(
        values[keys.TRACE_ID],
        _hex(data["span_id"]),
        data["name"],
        int(data["start_time_unix_nano"]),
        int(end) if end else None,
        _hex(parent) if parent else None,
        SpanStatusCode(status["code"].removeprefix("STATUS_CODE_")),
        status.get("message") or "",
        attributes=values,
        events=[
            stored.SpanEvent(
                event["name"], int(event["time_unix_nano"]), event.get("attributes") or {}
            )
            for event in data.get("events") or ()
        ],
        links=[
            stored.SpanLink(link["trace_id"], link["span_id"], link.get("attributes") or {})
            for link in data.get("links") or ()
        ],
    )
    return Span.of(span)


def _decoded(text: Any) -> Any:
    try:
        return decode(text)
    except (TypeError, ValueError):
        return text


def _base64(digits: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(digits)).decode()
    except ValueError:
        # An id that another client made up.
        return base64.b64encode(digits.encode()).decode()


def _hex(text: str) -> str:
    # MLflow 3.5 wrote the digits themselves.
    return text if len(text) == 16 else base64.b64decode(text, validate=True).hex()


def _trace_id(digits: str) -> str:
    return digits if digits.startswith("tr-") or len(digits) != 32 else f"tr-{digits}"
