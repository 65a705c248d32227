"""Saying how good a trace is, and what was to be expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities import traces as stored
from pegboard.entities.traces import AssessmentKind
from pegboard.errors import InvalidValue
from pegboard_scripting.fluent import experiments
from pegboard_stores.abilities import ManyAssessments

from pegboard_tracing import tracer
from pegboard_tracing.entities import assessments
from pegboard_tracing.entities.assessments import (
    Assessment,
    AssessmentError,
    AssessmentSource,
    Expectation,
    Feedback,
    IssueReference,
)
from pegboard_tracing.noop import NO_TRACE_ID
from pegboard_tracing.reading import traces_of


def get_assessment(trace_id: str, assessment_id: str) -> Assessment:
    """Return an assessment; NotFound."""
    return assessments.of(traces_of().get_assessment(trace_id, assessment_id))


def log_assessment(trace_id: str, assessment: Assessment) -> Assessment:
    """Add feedback or an expectation to a trace, whether it is active or has ended.

    It is returned with its id. NotFound if there is no such trace.
    """
    given: Any = assessment
    if not isinstance(given, Assessment):
        raise InvalidValue(
            f"{given!r} is not an assessment.", hint="Give a Feedback or Expectation."
        )
    if trace_id == NO_TRACE_ID:
        # Nothing is traced, so there is nothing to say about it.
        return assessment
    trace = tracer.find(trace_id)
    if trace is not None:
        tracer.write_now(trace)
    return assessments.of(traces_of().create_assessment(given.to_stored(trace_id)))


def log_assessments(given: Sequence[tuple[str, Assessment]]) -> None:
    """Add assessments, each with the id of its trace; they get their ids.

    As one transaction where the store can do that, else one by one. NotFound if a trace is not
    there.
    """
    kept = [(trace_id, each) for trace_id, each in given if trace_id != NO_TRACE_ID]
    for trace_id in dict.fromkeys(trace_id for trace_id, _ in kept):
        trace = tracer.find(trace_id)
        if trace is not None:
            tracer.write_now(trace)
    store = traces_of()
    many = store.ability(ManyAssessments)
    stored = [each.to_stored(trace_id) for trace_id, each in kept]
    if many is not None:
        found = many.create_assessments(stored)
    else:
        found = [store.create_assessment(each).assessment_id for each in stored]
    for (_, each), assessment_id in zip(kept, found, strict=True):
        each.assessment_id = assessment_id


def takes_many() -> bool:
    """Whether the store takes many assessments in the time of few."""
    return experiments.client().store.traces().ability(ManyAssessments) is not None


def log_feedback(
    *,
    trace_id: str,
    name: str = "feedback",
    value: Any = None,
    source: AssessmentSource | None = None,
    error: BaseException | AssessmentError | str | None = None,
    rationale: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    span_id: str | None = None,
) -> Assessment:
    """Say how good a trace is: a number, a text, true or false, or lists and dicts of these."""
    given = Feedback(
        name, value, error, source, metadata=metadata, span_id=span_id, rationale=rationale
    )
    return log_assessment(trace_id, given)


def log_expectation(
    *,
    trace_id: str,
    name: str,
    value: Any,
    source: AssessmentSource | None = None,
    metadata: Mapping[str, Any] | None = None,
    span_id: str | None = None,
) -> Assessment:
    """Say what was to be expected: any value that JSON can hold."""
    given = Expectation(name, value, source, metadata=metadata, span_id=span_id)
    return log_assessment(trace_id, given)


def log_issue(
    *,
    trace_id: str,
    issue_id: str,
    issue_name: str,
    source: AssessmentSource | None = None,
    run_id: str | None = None,
    rationale: str | None = None,
    metadata: Mapping[str, str] | None = None,
    span_id: str | None = None,
) -> Assessment:
    """Say that a trace shows an issue."""
    given = IssueReference(issue_id, issue_name, source, None, run_id, rationale, metadata, span_id)
    return log_assessment(trace_id, given)


def update_assessment(trace_id: str, assessment_id: str, assessment: Assessment) -> Assessment:
    """Change what an assessment says; its metadata is added to what is there."""
    given = assessment.to_stored(trace_id)
    changes: dict[str, Any] = {"name": given.name, "value": given.value}
    if assessment.kind is AssessmentKind.FEEDBACK:
        changes["error"] = given.error
    if given.rationale is not None:
        changes["rationale"] = given.rationale
    if given.metadata:
        changes["metadata"] = given.metadata
    return assessments.of(traces_of().update_assessment(trace_id, assessment_id, changes))


def delete_assessment(trace_id: str, assessment_id: str) -> None:
    """Remove an assessment."""
    traces_of().delete_assessment(trace_id, assessment_id)


def override_feedback(
    *,
    trace_id: str,
    assessment_id: str,
    value: Any,
    rationale: str | None = None,
    source: AssessmentSource | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Assessment:
    """Put other feedback in the place of one that was wrong; that stays, but is not valid."""
    old: stored.Assessment = traces_of().get_assessment(trace_id, assessment_id)
    if old.kind is not AssessmentKind.FEEDBACK:
        raise InvalidValue(f"The assessment {assessment_id!r} is an {old.kind}, not feedback.")
    given = Feedback(
        old.name,
        value,
        source=source,
        metadata=metadata,
        span_id=old.span_id,
        rationale=rationale,
        overrides=assessment_id,
    )
    return log_assessment(trace_id, given)
