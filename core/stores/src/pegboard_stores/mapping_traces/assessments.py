"""The assessments in the record of a trace."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from pegboard.entities.traces import Assessment, AssessmentKind
from pegboard.errors import AlreadyExists

from pegboard_stores import refusals
from pegboard_stores.clock import now_ms
from pegboard_stores.mapping_records import Records, TraceRecord
from pegboard_stores.traces import checks


def get(record: TraceRecord, assessment_id: str) -> Assessment:
    """Return an assessment; NotFound."""
    for item in record.assessments:
        if item.assessment_id == assessment_id:
            return item
    raise refusals.no_assessment(assessment_id, record.info.trace_id)


def add(records: Records, record: TraceRecord, item: Assessment) -> Assessment:
    """Add an assessment; one that it overrides becomes invalid."""
    checks.assessment_name(item.name)
    new_id, now = item.assessment_id or f"a-{uuid.uuid4().hex}", now_ms()
    if item.overrides:
        _replace(record, evolve(get(record, item.overrides), valid=False))
    for known in record.assessments:
        if known.assessment_id == new_id:
            # The outline of a trace, with its assessments, may be sent twice.
            return known
    if item.assessment_id and _is_taken(records, item.assessment_id):
        raise AlreadyExists(f"There is an assessment with the id {new_id!r} already.")
    made = evolve(
        item,
        trace_id=record.info.trace_id,
        kind=AssessmentKind(item.kind),
        metadata=dict(item.metadata),
        assessment_id=new_id,
        create_time_ms=item.create_time_ms or now,
        last_update_time_ms=item.last_update_time_ms or now,
    )
    record.assessments.append(made)
    return made


def _is_taken(records: Records, assessment_id: str) -> bool:
    every = (item for record in records.traces.values() for item in record.assessments)
    return any(item.assessment_id == assessment_id for item in every)


def update(record: TraceRecord, assessment_id: str, changes: Mapping[str, Any]) -> Assessment:
    """Change some fields of an assessment; metadata is added to what is there."""
    new = checks.changed(get(record, assessment_id), changes)
    new = evolve(new, last_update_time_ms=now_ms())
    _replace(record, new)
    return new


def delete(record: TraceRecord, assessment_id: str) -> None:
    """Remove an assessment, if it is there; what it overrode is valid again."""
    gone = [each for each in record.assessments if each.assessment_id == assessment_id]
    record.assessments = [each for each in record.assessments if each not in gone]
    overridden = {each.overrides for each in gone}
    for item in [each for each in record.assessments if each.assessment_id in overridden]:
        _replace(record, evolve(item, valid=True))


def _replace(record: TraceRecord, new: Assessment) -> None:
    record.assessments = [
        new if item.assessment_id == new.assessment_id else item for item in record.assessments
    ]
