"""What was said about a trace or one of its spans: feedback, expectations, references to issues."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from typing import Any

from attrs import asdict, define, field
from pegboard.entities import traces as stored
from pegboard.entities.traces import AssessmentKind
from pegboard.errors import InvalidValue

from pegboard_tracing.entities import times

SOURCE_RUN_ID = "mlflow.assessment.sourceRunId"
_FORMAT = "JSON_FORMAT"


class AssessmentSourceType:
    """Who or what assesses."""

    SOURCE_TYPE_UNSPECIFIED = "SOURCE_TYPE_UNSPECIFIED"
    LLM_JUDGE = "LLM_JUDGE"
    AI_JUDGE = "AI_JUDGE"
    HUMAN = "HUMAN"
    CODE = "CODE"


def _source_type(given: Any) -> str:
    named = str(given).upper()
    named = "LLM_JUDGE" if named == "AI_JUDGE" else named
    known = ("SOURCE_TYPE_UNSPECIFIED", "LLM_JUDGE", "HUMAN", "CODE")
    if named not in known:
        raise InvalidValue(
            f"{given!r} is not a type of a source of assessments; use one of {', '.join(known)}."
        )
    return named


@define
class AssessmentSource:
    """Who assessed: a HUMAN, CODE or an LLM_JUDGE, and which."""

    source_type: str = field(converter=_source_type)
    source_id: str | None = "default"

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"source_type": self.source_type, "source_id": self.source_id}

    @classmethod
    def from_dictionary(cls, source_dict: Mapping[str, Any]) -> AssessmentSource:
        """Return what ``to_dictionary`` made."""
        return cls(**source_dict)


@define
class AssessmentError:
    """Why an assessment could not be made."""

    error_code: str
    error_message: str | None = None
    stack_trace: str | None = None

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dictionary(cls, error_dict: Mapping[str, Any]) -> AssessmentError:
        """Return what ``to_dictionary`` made."""
        return cls(**error_dict)


def _error(error: Any) -> AssessmentError | None:
    if error is None or isinstance(error, AssessmentError):
        return error
    if isinstance(error, str):
        return AssessmentError("ASSESSMENT_ERROR", error)
    if isinstance(error, BaseException):
        shown = "".join(traceback.format_exception(error)).strip()
        return AssessmentError(type(error).__name__, str(error), shown)
    raise InvalidValue(f"The error of an assessment is {error!r}, not an exception or a text.")


class Assessment:
    """What feedback, expectations and references to issues have in common."""

    kind: AssessmentKind

    def __init__(
        self,
        name: str,
        value: Any,
        source: AssessmentSource,
        trace_id: str | None,
        metadata: Mapping[str, Any] | None,
        span_id: str | None,
        create_time_ms: int | None,
        last_update_time_ms: int | None,
        rationale: str | None = None,
        overrides: str | None = None,
        valid: bool | None = None,
        error: AssessmentError | None = None,
    ) -> None:
        if not isinstance(source, AssessmentSource):
            raise InvalidValue(f"The source of an assessment is {source!r}, no AssessmentSource.")
        now = time.time_ns() // 1_000_000
        self.name, self.value, self.source = name, value, source
        self.trace_id, self.span_id = trace_id, span_id
        self.metadata = dict(metadata) if metadata else None
        self.rationale, self.overrides, self.valid, self.error = rationale, overrides, valid, error
        self.create_time_ms = now if create_time_ms is None else create_time_ms
        self.last_update_time_ms = now if last_update_time_ms is None else last_update_time_ms
        self.assessment_id: str | None = None
        self.run_id: str | None = (self.metadata or {}).get(SOURCE_RUN_ID)

    def to_dictionary(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in MLflow's form."""
        made = {
            "assessment_id": self.assessment_id,
            "assessment_name": self.name,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "source": self._source_json(),
            "create_time": times.time_json(self.create_time_ms),
            "last_update_time": times.time_json(self.last_update_time_ms),
            str(self.kind): self._value_json(),
            "rationale": self.rationale,
            "metadata": {key: str(value) for key, value in (self.metadata or {}).items()} or None,
            "overrides": self.overrides,
            "valid": self.valid,
        }
        return {key: value for key, value in made.items() if value is not None}

    def _source_json(self) -> dict[str, Any]:
        told = self.source.to_dictionary()
        return {key: each for key, each in told.items() if each is not None}

    def _value_json(self) -> dict[str, Any]:
        if self.kind is AssessmentKind.ISSUE:
            return {"issue_name": self.value}
        if self.kind is AssessmentKind.EXPECTATION and isinstance(self.value, (dict, list, tuple)):
            told = {"serialization_format": _FORMAT, "value": json.dumps(self.value)}
            return {"serialized_value": told}
        if self.error is None:
            return {"value": self.value}
        told = {key: each for key, each in asdict(self.error).items() if each is not None}
        return {"value": self.value, "error": told}

    @staticmethod
    def from_dictionary(d: Mapping[str, Any]) -> Assessment:
        """Return what ``to_dictionary`` made, here or with MLflow; InvalidValue."""
        try:
            return _read(d)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(
                f"This is not an assessment as MLflow writes it: {error!r}"
            ) from error

    def to_stored(self, trace_id: str) -> stored.Assessment:
        """Return it as stores keep it, for a trace."""
        error = self.error
        return stored.Assessment(
            trace_id,
            self.name,
            self.kind,
            self.value,
            self.source.source_type,
            self.source.source_id or "",
            None
            if error is None
            else stored.AssessmentError(
                error.error_code, error.error_message or "", error.stack_trace or ""
            ),
            self.rationale,
            {key: str(value) for key, value in (self.metadata or {}).items()},
            self.span_id,
            create_time_ms=self.create_time_ms,
            last_update_time_ms=self.last_update_time_ms,
            overrides=self.overrides,
            valid=self.valid is not False,
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self.name!r}, value={self.value!r}, "
            f"trace_id={self.trace_id!r}, assessment_id={self.assessment_id!r})"
        )


class Feedback(Assessment):
    """How good something is."""

    kind = AssessmentKind.FEEDBACK

    def __init__(
        self,
        name: str = "feedback",
        value: Any = None,
        error: BaseException | AssessmentError | str | None = None,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
        rationale: str | None = None,
        overrides: str | None = None,
        valid: bool = True,
    ) -> None:
        super().__init__(
            name,
            value,
            source or AssessmentSource(AssessmentSourceType.CODE),
            trace_id,
            metadata,
            span_id,
            create_time_ms,
            last_update_time_ms,
            rationale,
            overrides,
            valid,
            _error(error),
        )


class Expectation(Assessment):
    """What was to be expected."""

    kind = AssessmentKind.EXPECTATION

    def __init__(
        self,
        name: str,
        value: Any,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
    ) -> None:
        if value is None:
            raise InvalidValue(f"The expectation {name!r} has no value.")
        super().__init__(
            name,
            value,
            source or AssessmentSource(AssessmentSourceType.HUMAN),
            trace_id,
            metadata,
            span_id,
            create_time_ms,
            last_update_time_ms,
        )


class IssueReference(Assessment):
    """An issue that a trace shows."""

    kind = AssessmentKind.ISSUE

    def __init__(
        self,
        issue_id: str,
        issue_name: str,
        source: AssessmentSource | None = None,
        trace_id: str | None = None,
        run_id: str | None = None,
        rationale: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        span_id: str | None = None,
        create_time_ms: int | None = None,
        last_update_time_ms: int | None = None,
    ) -> None:
        super().__init__(
            issue_id,
            issue_name,
            source or AssessmentSource(AssessmentSourceType.LLM_JUDGE),
            trace_id,
            metadata,
            span_id,
            create_time_ms,
            last_update_time_ms,
            rationale,
        )
        self.run_id = run_id or self.run_id

    @property
    def issue_id(self) -> str:
        """The id of the issue."""
        return self.name

    @property
    def issue_name(self) -> str:
        """What the issue is called."""
        return str(self.value)


def of(item: stored.Assessment) -> Assessment:
    """Return an assessment that a store returned."""
    source = AssessmentSource(item.source_type, item.source_id or None)
    shared: dict[str, Any] = {
        "source": source,
        "trace_id": item.trace_id,
        "metadata": item.metadata,
        "span_id": item.span_id,
        "create_time_ms": item.create_time_ms,
        "last_update_time_ms": item.last_update_time_ms,
    }
    made: Assessment
    if item.kind is AssessmentKind.FEEDBACK:
        made = Feedback(item.name, item.value, _error_of(item.error), **shared)
    elif item.kind is AssessmentKind.EXPECTATION:
        made = Expectation(item.name, item.value, **shared)
    else:
        made = IssueReference(item.name, str(item.value), **shared)
    made.assessment_id, made.rationale = item.assessment_id or None, item.rationale
    made.overrides, made.valid = item.overrides, item.valid
    return made


def _error_of(error: stored.AssessmentError | None) -> AssessmentError | None:
    if error is None:
        return None
    return AssessmentError(error.error_code, error.error_message or None, error.stack_trace or None)


def _read(d: Mapping[str, Any]) -> Assessment:
    kind = next((kind for kind in AssessmentKind if d.get(str(kind))), None)
    if kind is None:
        raise ValueError("it has no feedback, expectation or issue")
    told = d[str(kind)]
    source = d.get("source") or {}
    value = told.get("issue_name") if kind is AssessmentKind.ISSUE else told.get("value")
    if "serialized_value" in told:
        value = json.loads(told["serialized_value"]["value"])
    error = told.get("error")
    return of(
        stored.Assessment(
            d.get("trace_id") or "",
            d["assessment_name"],
            kind,
            value,
            source.get("source_type", AssessmentSourceType.CODE),
            source.get("source_id") or "",
            error
            and stored.AssessmentError(
                error["error_code"],
                error.get("error_message") or "",
                error.get("stack_trace") or "",
            ),
            d.get("rationale"),
            d.get("metadata") or {},
            d.get("span_id"),
            d.get("assessment_id") or "",
            times.read_time(d["create_time"]),
            times.read_time(d["last_update_time"]),
            d.get("overrides"),
            d.get("valid") is not False,
        )
    )
