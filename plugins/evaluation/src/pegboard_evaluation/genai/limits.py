"""How much is done at once, and how long it is waited for: variables, under two names each."""

from __future__ import annotations

import math
import os

from pegboard.errors import InvalidValue

SCORER_SECONDS = 300.0
"""How long a scorer may take that does not say otherwise."""


def workers() -> int:
    """Return how many rows are answered at once."""
    return _whole("MAX_WORKERS", 10)


def scorer_workers() -> int:
    """Return how many scorers work at once."""
    return _whole("MAX_SCORER_WORKERS", 10)


def async_seconds() -> float:
    """Return how long an asynchronous ``predict_fn`` may take."""
    return _seconds("ASYNC_TIMEOUT", 300.0)


def judge_seconds() -> float:
    """Return how long a judge's model may take to answer."""
    return _seconds("LLM_TIMEOUT", 60.0)


def text_of(name: str) -> str:
    """Return a variable under our name, else under MLflow's, else ""."""
    return os.environ.get(f"PEGBOARD_GENAI_{name}") or os.environ.get(f"MLFLOW_GENAI_{name}") or ""


def _seconds(name: str, default: float) -> float:
    given = text_of(f"EVAL_{name}")
    try:
        found = float(given) if given else default
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise InvalidValue(f"GENAI_EVAL_{name} is {given!r}, not a number of seconds above 0.")
    return found


def _whole(name: str, default: int) -> int:
    given = text_of(f"EVAL_{name}")
    try:
        found = int(given) if given else default
    except ValueError:
        found = 0
    if found < 1:
        raise InvalidValue(f"GENAI_EVAL_{name} is {given!r}, not a whole number, at least 1.")
    return found
