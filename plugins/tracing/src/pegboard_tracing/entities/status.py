"""What belongs to a span: its type, its status, how weighty it is, events and links."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from attrs import define, field
from pegboard.entities.traces import SpanStatusCode
from pegboard.errors import InvalidValue


class SpanType:
    """The types of spans that are known; any other text may be one, too."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"
    CHAT_MODEL = "CHAT_MODEL"
    RETRIEVER = "RETRIEVER"
    PARSER = "PARSER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    MEMORY = "MEMORY"
    UNKNOWN = "UNKNOWN"
    WORKFLOW = "WORKFLOW"
    TASK = "TASK"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"


class SpanLogLevel(IntEnum):
    """How weighty a span is."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50

    @classmethod
    def from_value(cls, value: SpanLogLevel | str) -> SpanLogLevel:
        """Return a level from its name; InvalidValue."""
        if isinstance(value, SpanLogLevel):
            return value
        try:
            return cls[str(value).strip().upper()]
        except KeyError:
            known = ", ".join(each.name for each in cls)
            raise InvalidValue(f"{value!r} is not a level of a span; use one of {known}.") from None


def as_status_code(code: Any) -> SpanStatusCode:
    """Return the status of a name; InvalidValue."""
    try:
        return SpanStatusCode(str(getattr(code, "value", code)))
    except ValueError:
        known = ", ".join(SpanStatusCode)
        raise InvalidValue(f"{code!r} is not a status of a span; use one of {known}.") from None


@define
class SpanStatus:
    """How a span ended; ``description`` says what went wrong."""

    status_code: SpanStatusCode = field(converter=as_status_code)
    description: str = ""


@define
class SpanEvent:
    """Something that happened during a span; ``timestamp`` in ns."""

    name: str
    timestamp: int = field(factory=time.time_ns)
    attributes: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def from_exception(cls, exception: BaseException) -> SpanEvent:
        """Return the event that says which exception was raised, and where."""
        try:
            shown = "".join(traceback.format_exception(exception)).strip()
        except Exception:
            shown = f"{type(exception).__name__}, which cannot be shown"
        told = {
            "exception.message": message_of(exception),
            "exception.type": type(exception).__name__,
            "exception.stacktrace": shown,
        }
        return cls("exception", attributes=told)


def message_of(exception: BaseException) -> str:
    """Return what an exception says."""
    try:
        return str(exception)
    except Exception:
        return "(its message cannot be shown)"


@define
class Link:
    """A span, perhaps of another trace, that a span is related to."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"trace_id": self.trace_id, "span_id": self.span_id, "attributes": self.attributes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Link:
        """Return what ``to_dict`` made."""
        return cls(data["trace_id"], data["span_id"], data.get("attributes"))
