"""What must be true of traces, their spans, tags and assessments, for every store to keep them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
from pegboard.contracts.traces import CHANGEABLE, MAX_LINKS
from pegboard.entities.traces import Assessment, Span
from pegboard.errors import InvalidValue
from pegboard.validation import MAX_KEY

from pegboard_stores import validation
from pegboard_stores.prompt_tags import LINKED

_MAX_ID = 256
_MAX_TAG = 65_535
_MAX_METADATA = 65_535
_MAX_PROMPT = 1000


def checked_id(trace_id: Any) -> str:
    """Return the id of a trace; InvalidValue if it cannot be one."""
    if not isinstance(trace_id, str) or not 0 < len(trace_id) <= _MAX_ID or "\0" in trace_id:
        raise InvalidValue(f"A trace id is a text of 1 to {_MAX_ID} characters.")
    if not trace_id.isprintable() or set(trace_id) & set("/\\") or trace_id.startswith("."):
        # It becomes a part of the place where the trace's files lie.
        raise InvalidValue(f"{trace_id!r} cannot be the id of a trace.")
    return trace_id


def check_span(span: Span) -> None:
    """Refuse a span that cannot be kept."""
    checked_id(span.trace_id)
    check_in_trace(span)


def check_in_trace(span: Span) -> None:
    """Refuse a span that cannot be kept, of a trace whose id was checked."""
    if not 0 < len(span.span_id) <= _MAX_ID:
        raise InvalidValue(f"The span {span.name!r} has no id.")
    for time in (span.start_time_ns, span.end_time_ns or 0):
        if type(time) is not int or not 0 <= time <= validation.INT64_MAX:
            validation.integer(span.name, time, "time")


def checked_texts(texts: Mapping[str, Any], what: str) -> dict[str, str]:
    """Return tags or metadata, checked."""
    for key in texts:
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or "\0" in key:
            raise InvalidValue(
                f"{str(key)[:60]!r} cannot name a {what} of a trace.",
                hint=f"A name is a text of 1 to {MAX_KEY} characters.",
            )
    limit = _MAX_TAG if what == "tag" else _MAX_METADATA
    if all(type(value) is str and len(value) <= limit for value in texts.values()):
        return dict(texts)
    return {key: validation.text(value, f"{what} {key!r}", limit) for key, value in texts.items()}


def checked_prompt(name: str, version: str) -> str:
    """Return how the version of a prompt is known: ``NAME/VERSION``."""
    prompt = f"{name}/{version}"
    if not name or not version or prompt.count("/") != 1 or "\0" in prompt:
        raise InvalidValue(
            f"{prompt[:60]!r} is not a version of a prompt.",
            hint="Give the name and the version, both without a slash.",
        )
    if len(prompt) > _MAX_PROMPT:
        raise InvalidValue(f"The name of a prompt has more than {_MAX_PROMPT} characters.")
    return prompt


def prompts_in(tags: Mapping[str, str]) -> list[str]:
    """Return the versions of prompts that a tag of a trace names; what is malformed is not one."""
    if LINKED not in tags:
        return []
    try:
        named = json.loads(tags[LINKED])
    except ValueError:
        return []
    found = []
    for each in named if isinstance(named, list) else ():
        if isinstance(each, Mapping):
            with suppress(InvalidValue):
                found.append(checked_prompt(str(each.get("name")), str(each.get("version"))))
    return found


def check_deletion(
    trace_ids: Sequence[str] | None, max_timestamp: int | None, max_traces: int | None
) -> None:
    """Refuse a deletion that does not say what of: ids, or a time."""
    if (trace_ids is None) == (max_timestamp is None):
        raise InvalidValue("Traces are deleted by their ids or by a time; give one of them.").about(
            "nothing_to_delete"
        )
    if trace_ids is not None and max_traces is not None:
        raise InvalidValue("Traces that are named by their ids cannot be limited in number.")


def check_links(trace_ids: Sequence[str]) -> None:
    """Refuse to link too many traces to a run at once."""
    if len(trace_ids) > MAX_LINKS:
        raise InvalidValue(
            f"{len(trace_ids)} traces were to be linked to a run at once; {MAX_LINKS} are allowed."
        )


def assessment_name(name: Any) -> str:
    """Return a name if an assessment may have it."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_KEY:
        raise InvalidValue(f"The name of an assessment is a text of 1 to {MAX_KEY} characters.")
    return name


def changed(old: Assessment, changes: Mapping[str, Any]) -> Assessment:
    """Return an assessment with some of CHANGEABLE changed; metadata is added to what is there."""
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise InvalidValue(
            f"These fields of an assessment cannot be changed: {', '.join(sorted(unknown))}."
        )
    metadata = {**old.metadata, **changes.get("metadata", {})}
    new = attrs.evolve(old, **{**changes, "metadata": metadata})
    assessment_name(new.name)
    return new
