"""What a serialized scorer may be, and what can be seen of it without running anything."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pegboard.errors import InvalidValue, NotFound, quoted

from pegboard_stores import filters
from pegboard_stores.scorers.contract import ScorerVersion

LONGEST = 1 << 20
"""Characters of a serialized scorer."""
LONGEST_NAME = 256
_DEEPEST = 100
_JUDGES = ("instructions_judge_pydantic_data", "builtin_scorer_pydantic_data")
_EXPECTATIONS = re.compile(r"\{\{\s*expectations\s*\}\}")


def no_scorer(experiment_id: str, name: str) -> NotFound:
    """No scorer has this name."""
    return NotFound(
        f"The experiment {quoted(experiment_id)} has no scorer named {quoted(name)}."
    ).about("no_scorer", experiment_id=experiment_id, name=name)


def no_version(experiment_id: str, name: str, version: int) -> NotFound:
    """The scorer has no version of this number."""
    return NotFound(
        f"The scorer {quoted(name)} of the experiment {quoted(experiment_id)} has no version "
        f"{version}."
    ).about("no_scorer_version", experiment_id=experiment_id, name=name, version=version)


def no_id(scorer_id: str, version: int | None) -> NotFound:
    """No scorer has this id, or it has no such version."""
    which = "" if version is None else f" and a version {version}"
    return NotFound(f"There is no scorer with the id {quoted(scorer_id)}{which}.").about(
        "no_scorer_id", scorer_id=scorer_id, version=version
    )


def name(given: str) -> str:
    """Return the name of a scorer; InvalidValue."""
    if not given.strip() or len(given) > LONGEST_NAME or not given.isprintable():
        raise InvalidValue(
            f"{quoted(given)} cannot be the name of a scorer.",
            hint=f"It has 1 to {LONGEST_NAME} characters.",
        )
    return given


def data(serialized: str) -> Mapping[str, Any]:
    """Return what a serialized scorer holds; InvalidValue."""
    try:
        found = json.loads(serialized) if len(serialized) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not _is_flat(found, _DEEPEST):
        raise InvalidValue(
            "serialized_scorer is not the JSON of a scorer.",
            hint=f"It is an object of up to {LONGEST:,} characters.",
        )
    return found


def _is_flat(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(each, levels - 1) for each in parts)


def has_code(value: Any) -> bool:
    """Whether a scorer, or one that it is made of, is code that loading it would have to run."""
    if isinstance(value, list):
        return any(map(has_code, value))
    if isinstance(value, dict):
        return bool(value.get("call_source")) or any(map(has_code, value.values()))
    return False


def judge(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a judge says: ``model``, ``instructions``, ``guidelines``; empty if it is none.

    A text in ``instructions`` may hold ``{{ inputs }}`` and the like; a built-in one has a class.
    """
    found: Any = next((value[name] for name in _JUDGES if value.get(name)), {})
    return found if isinstance(found, dict) else {}


def model(value: Mapping[str, Any]) -> str:
    """Return the model that a judge asks, like ``gateway:/NAME``; empty if it names none."""
    found = judge(value).get("model")
    return found if isinstance(found, str) else ""


def rate(given: float) -> float:
    """Return a share of traces; InvalidValue."""
    if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
        raise InvalidValue(f"sample_rate is {quoted(str(given))}, which is not a number.")
    if not 0 <= given <= 1:
        raise InvalidValue(
            f"sample_rate is {given}, and has to be from 0 to 1.",
            hint="0.1 judges one trace of ten, 0 none.",
        )
    return float(given)


def is_sampled(trace_id: str, sample_rate: float) -> bool:
    """Whether a trace belongs to a share of all traces; one of a smaller share is of a larger, too.

    So scorers of several rates judge the same traces, as far as they can.
    """
    digest = hashlib.sha256(trace_id.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < sample_rate * 2**64


def check_schedule(scorer: ScorerVersion, sample_rate: float, filter: str) -> float:
    """Return the rate of a schedule that can be; InvalidValue, FilterError."""
    found = rate(sample_rate)
    filters.parse_filter(filter, filters.TRACES)
    if found:
        check_schedulable(scorer)
    return found


def check_schedulable(scorer: ScorerVersion) -> None:
    """Refuse a scorer that cannot judge traces by itself; InvalidValue."""
    known = data(scorer.serialized)
    if has_code(known):
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} is code, which nobody but its author runs.",
            hint="Traces are judged by a schedule with judges alone: make_judge, Guidelines, "
            "Safety and their like.",
        ).about("unscheduled", name=scorer.name)
    if known.get("is_session_level_scorer"):
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} judges sessions, and schedules single traces.",
            hint="Use one that judges {{ inputs }}, {{ outputs }} or {{ trace }}.",
        ).about("unscheduled", name=scorer.name)
    if not model(known):
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} names no model to be asked.",
            hint='Make it with a model, like "gateway:/NAME" or "openai:/gpt-4o-mini".',
        ).about("unscheduled", name=scorer.name)
    if _EXPECTATIONS.search(str(judge(known).get("instructions", ""))):
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} asks for expectations, which new traces have not.",
            hint="Leave {{ expectations }} out.",
        ).about("unscheduled", name=scorer.name)
