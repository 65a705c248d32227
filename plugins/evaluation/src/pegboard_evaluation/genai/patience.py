"""Calls of functions that may be refused because there were too many: slower then, and once more.

Models of ``pegboard.llm`` have a pace by themselves, which all that asks them shares.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import field, frozen
from pegboard.contracts.llm import LLMError
from pegboard_llm.pacing import Pace

from pegboard_evaluation.genai import limits

T = TypeVar("T")

_TOO_MANY = re.compile(r"\b429\b|rate.?limit|too many requests", re.I)
_MOST_PAUSE = 60.0


@frozen
class Patience:
    """How often functions are called, and how often one that was refused is called again."""

    pace: Pace = field(factory=Pace)
    retries: int = field(factory=limits.retries)
    sleep: Callable[[float], None] = time.sleep

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns; what it raises is raised, if patience does not help."""
        for attempt in range(self.retries + 1):
            begun = self.pace.wait()
            try:
                found = function()
            except Exception as error:
                if not is_too_many(error):
                    raise
                rest = rest_of(error)
                self.pace.slow(begun, rest or 0.0)
                if attempt == self.retries:
                    raise
                pause = min(2.0**attempt, _MOST_PAUSE) * random.uniform(0.5, 1)  # noqa: S311
                self.sleep(pause if rest is None else rest)
            else:
                self.pace.go_on()
                return found
        raise AssertionError("unreachable")


def of_predictions() -> Patience:
    """Return that for ``predict_fn``."""
    return Patience(Pace(limits.predict_rate()))


def of_scorers() -> Patience:
    """Return that for scorers."""
    return Patience(Pace(limits.scorer_rate()))


def is_too_many(error: BaseException) -> bool:
    """Whether an error of any library says that there were too many calls."""
    if isinstance(error, LLMError):
        # It was tried again already, as often as is allowed.
        return False
    statuses = (_of(error, "status_code"), _of(_of(error, "response"), "status_code"))
    return (
        type(error).__name__ == "RateLimitError"
        or 429 in statuses
        or _TOO_MANY.search(str(error)) is not None
    )


def rest_of(error: BaseException) -> float | None:
    """Return for how many seconds an error asks for a rest; None if it does not say."""
    headers = _of(_of(error, "response"), "headers")
    try:
        found = float(headers.get("retry-after"))
    except (AttributeError, TypeError, ValueError):
        return None
    return min(found, _MOST_PAUSE) if 0 <= found < math.inf else None


def _of(thing: Any, name: str) -> Any:
    return getattr(thing, name, None)
