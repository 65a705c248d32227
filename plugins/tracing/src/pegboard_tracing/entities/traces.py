"""Traces as they are read: an outline, and spans in the order they began."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import define, field
from pegboard.entities import traces as stored
from pegboard.entities.traces import AssessmentKind, TraceState
from pegboard.errors import InvalidValue

from pegboard_tracing import keys
from pegboard_tracing.entities import assessments, times
from pegboard_tracing.entities.assessments import Assessment
from pegboard_tracing.entities.spans import Span

COLUMNS = (
    "trace_id",
    "trace",
    "client_request_id",
    "state",
    "request_time",
    "execution_duration",
    "request",
    "response",
    "trace_metadata",
    "tags",
    "spans",
    "assessments",
)
"""The columns of a table of traces."""


def _text(given: Any) -> str | None:
    return None if given is None else str(given)


@define
class MlflowExperimentLocation:
    """An experiment, as a place for traces."""

    experiment_id: str | None = field(converter=_text)


@define
class TraceLocation:
    """Where a trace is kept."""

    mlflow_experiment: MlflowExperimentLocation
    type: str = "MLFLOW_EXPERIMENT"

    @classmethod
    def from_experiment_id(cls, experiment_id: str) -> TraceLocation:
        """Return an experiment as a place."""
        return cls(MlflowExperimentLocation(experiment_id))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        where = {"experiment_id": self.mlflow_experiment.experiment_id}
        return {"type": self.type, "mlflow_experiment": where}


@define
class TraceInfo:
    """The outline of a trace. ``request_time`` and ``execution_duration`` in ms."""

    trace_id: str
    trace_location: TraceLocation
    request_time: int
    state: TraceState
    request_preview: str | None = None
    response_preview: str | None = None
    client_request_id: str | None = None
    execution_duration: int | None = None
    trace_metadata: dict[str, str] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    assessments: list[Assessment] = field(factory=list)

    @classmethod
    def of(cls, info: stored.TraceInfo) -> TraceInfo:
        """Return an outline that a store returned."""
        return cls(
            info.trace_id,
            TraceLocation.from_experiment_id(info.experiment_id),
            info.request_time,
            info.state,
            info.request_preview,
            info.response_preview,
            info.client_request_id,
            info.execution_duration,
            dict(info.trace_metadata),
            dict(info.tags),
            [assessments.of(item) for item in info.assessments],
        )

    @property
    def request_id(self) -> str:
        """The older name of ``trace_id``."""
        return self.trace_id

    @property
    def experiment_id(self) -> str | None:
        """The experiment that it is in."""
        return self.trace_location.mlflow_experiment.experiment_id

    @property
    def request_metadata(self) -> dict[str, str]:
        """The older name of ``trace_metadata``."""
        return self.trace_metadata

    @property
    def timestamp_ms(self) -> int:
        """The older name of ``request_time``."""
        return self.request_time

    @property
    def execution_time_ms(self) -> int | None:
        """The older name of ``execution_duration``."""
        return self.execution_duration

    @property
    def status(self) -> TraceState:
        """The older name of ``state``."""
        return self.state

    @property
    def token_usage(self) -> dict[str, int] | None:
        """The tokens that language models took: input_tokens, output_tokens and total_tokens."""
        told: dict[str, int] | None = _parsed(self.trace_metadata.get(keys.TOKEN_USAGE))
        return told

    @property
    def cost(self) -> dict[str, float] | None:
        """What language models cost, in US dollars: input_cost, output_cost and total_cost."""
        told: dict[str, float] | None = _parsed(self.trace_metadata.get(keys.TRACE_COST))
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in MLflow's form."""
        made = {
            "trace_id": self.trace_id,
            "client_request_id": self.client_request_id,
            "trace_location": self.trace_location.to_dict(),
            "request_preview": self.request_preview,
            "response_preview": self.response_preview,
            "request_time": times.time_json(self.request_time),
            "execution_duration_ms": self.execution_duration,
            "state": str(self.state),
            "trace_metadata": dict(self.trace_metadata) or None,
            "tags": dict(self.tags) or None,
            "assessments": [item.to_dictionary() for item in self.assessments] or None,
        }
        return {key: value for key, value in made.items() if value is not None}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> TraceInfo:
        """Return what ``to_dict`` made, here or with MLflow; InvalidValue."""
        try:
            where = d["trace_location"].get("mlflow_experiment") or {}
            return cls(
                d["trace_id"],
                TraceLocation(MlflowExperimentLocation(where.get("experiment_id"))),
                times.read_time(d["request_time"]),
                TraceState(d.get("state", "STATE_UNSPECIFIED")),
                d.get("request_preview"),
                d.get("response_preview"),
                d.get("client_request_id"),
                d.get("execution_duration_ms"),
                dict(d.get("trace_metadata") or {}),
                dict(d.get("tags") or {}),
                [Assessment.from_dictionary(item) for item in d.get("assessments") or ()],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidValue(f"This is not a trace as MLflow writes it: {error!r}") from error


@define
class TraceData:
    """The spans of a trace."""

    spans: list[Span] = field(factory=list)

    @property
    def request(self) -> str | None:
        """What went into the first span, as JSON."""
        return self._text(keys.INPUTS)

    @property
    def response(self) -> str | None:
        """What came out of the first span, as JSON."""
        return self._text(keys.OUTPUTS)

    def _text(self, key: str) -> str | None:
        root = self.root
        return None if root is None else root.attribute_texts().get(key)

    @property
    def root(self) -> Span | None:
        """The span that is within no other."""
        return next((span for span in self.spans if span.parent_id is None), None)

    @property
    def intermediate_outputs(self) -> dict[str, Any] | None:
        """What came out of the other spans, by their names; equal ones are numbered."""
        root = self.root
        if root is not None and (told := root.get_attribute(keys.INTERMEDIATE_OUTPUTS)):
            return dict(told)
        if len(self.spans) < 2:
            return None
        names = [span.name for span in self.spans]
        found: dict[str, Any] = {}
        counted: dict[str, int] = {}
        for span in self.spans:
            name = span.name
            if names.count(name) > 1:
                counted[name] = counted.get(name, 0) + 1
                name = f"{name}_{counted[name]}"
            if span.parent_id and span.outputs is not None:
                found[name] = span.outputs
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON can hold them."""
        return {"spans": [span.to_dict() for span in self.spans]}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> TraceData:
        """Return what ``to_dict`` made, here or with MLflow."""
        return cls([Span.from_dict(span) for span in d.get("spans") or ()])


@define
class Trace:
    """What an application did for one request."""

    info: TraceInfo
    data: TraceData

    @classmethod
    def of(cls, trace: stored.Trace) -> Trace:
        """Return a trace that a store returned."""
        return cls(TraceInfo.of(trace.info), TraceData([Span.of(span) for span in trace.spans]))

    @property
    def trace_id(self) -> str:
        """Its id."""
        return self.info.trace_id

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in MLflow's form."""
        return {"info": self.info.to_dict(), "data": self.data.to_dict()}

    def to_json(self, pretty: bool = False) -> str:
        """Return it as JSON, in MLflow's form."""
        return json.dumps(self.to_dict(), indent=2 if pretty else None)

    @classmethod
    def from_dict(cls, trace_dict: Mapping[str, Any]) -> Trace:
        """Return what ``to_dict`` made, here or with MLflow; InvalidValue."""
        info, data = trace_dict.get("info"), trace_dict.get("data")
        if info is None or data is None:
            named = ", ".join(map(str, trace_dict)) or "nothing"
            raise InvalidValue(f"A trace has 'info' and 'data'; this has {named}.")
        return cls(TraceInfo.from_dict(info), TraceData.from_dict(data))

    @classmethod
    def from_json(cls, trace_json: str) -> Trace:
        """Return what ``to_json`` made, here or with MLflow; InvalidValue."""
        try:
            found = json.loads(trace_json)
        except ValueError as error:
            raise InvalidValue(f"The trace is not JSON: {error}") from error
        return cls.from_dict(found)

    def search_spans(
        self,
        span_type: str | None = None,
        name: str | re.Pattern[str] | None = None,
        span_id: str | None = None,
    ) -> list[Span]:
        """Return the spans of a type, a name (a text or a pattern) and an id."""
        if name is not None and not isinstance(name, (str, re.Pattern)):
            raise InvalidValue(f"The name of spans is {name!r}, neither a text nor a pattern.")
        if span_type is not None and not isinstance(span_type, str):
            raise InvalidValue(f"The type of spans is {span_type!r}, not a text.")
        return [
            span
            for span in self.data.spans
            if (span_type is None or span.span_type == span_type)
            and (span_id is None or span.span_id == span_id)
            and _is_named(span, name)
        ]

    def search_assessments(
        self,
        name: str | None = None,
        *,
        span_id: str | None = None,
        all: bool = False,
        type: Literal["expectation", "feedback"] | None = None,
    ) -> list[Assessment]:
        """Return the assessments of a name, a span and a type; overridden ones too with ``all``."""
        kind = None if type is None else AssessmentKind(type)
        return [
            item
            for item in self.info.assessments
            if (name is None or item.name == name)
            and (span_id is None or item.span_id == span_id)
            and (all or item.valid is not False)
            and (kind is None or item.kind is kind)
        ]

    def to_pandas_dataframe_row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        info, told = self.info, self.to_dict()
        return {
            "trace_id": info.trace_id,
            "trace": json.dumps(told),
            "client_request_id": info.client_request_id,
            "state": info.state,
            "request_time": info.request_time,
            "execution_duration": info.execution_duration,
            "request": _parsed(self.data.request),
            "response": _parsed(self.data.response),
            "trace_metadata": info.trace_metadata,
            "tags": info.tags,
            "spans": told["data"]["spans"],
            "assessments": told["info"].get("assessments", []),
        }

    @staticmethod
    def pandas_dataframe_columns() -> list[str]:
        """Return the columns of such a table."""
        return list(COLUMNS)

    def __repr__(self) -> str:
        return f"Trace(trace_id={self.trace_id!r})"


class Session:
    """Traces of one session, in the order they began."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self.traces = list(traces)

    @property
    def id(self) -> str | None:
        """The id of the session."""
        return self.traces[0].info.trace_metadata.get(keys.SESSION) if self.traces else None

    def __iter__(self) -> Any:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)


def _is_named(span: Span, name: str | re.Pattern[str] | None) -> bool:
    if isinstance(name, re.Pattern):
        return name.search(span.name) is not None
    return name is None or span.name == name


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
