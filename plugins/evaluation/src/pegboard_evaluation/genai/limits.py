"""How much is done at once, and how long it is waited for: variables, under two names each."""

from __future__ import annotations

import math
import os

from pegboard.errors import InvalidValue

SCORER_SECONDS = 300.0
"""How long a scorer may take that does not say otherwise."""


def workers(least: int = 0) -> int:
    """Return how many rows are answered at once: enough for their rate, if one is given.

    ``least``: how many there are to be unless the variable says otherwise.
    """
    return _whole("MAX_WORKERS", max(least, _enough(predict_rate())))


def scorer_workers(least: int = 0) -> int:
    """Return how many scorers work at once: enough for their rate, if one is given."""
    return _whole("MAX_SCORER_WORKERS", max(least, _enough(scorer_rate())))


def runner() -> str | None:
    """Return who calls functions for rows, if no evaluation says; None: threads."""
    return text_of("EVAL_RUNNER") or None


def retries() -> int:
    """Return how often a call is made again that was refused because there were too many."""
    return _whole("MAX_RETRIES", 3, least=0)


def predict_rate() -> float | None:
    """Return how many rows are answered a second at most; None: as many as go well."""
    return _rate("PREDICT_RATE_LIMIT")


def scorer_rate() -> float | None:
    """Return how often scorers are called a second at most; None: as often as goes well."""
    return _rate("SCORER_RATE_LIMIT")


def _enough(rate: float | None) -> int:
    """Return how many threads make so many calls a second, if one takes five seconds."""
    return 10 if rate is None else max(10, min(500, math.ceil(rate * 5)))


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


def _rate(name: str) -> float | None:
    given = text_of(f"EVAL_{name}").strip().lower()
    try:
        found = 0.0 if given in ("", "auto") else float(given)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise InvalidValue(
            f"GENAI_EVAL_{name} is {given!r}, not a number of calls a second.",
            hint="'auto' and 0 set no limit: calls become fewer when the model says so.",
        )
    return found or None


def _whole(name: str, default: int, least: int = 1) -> int:
    given = text_of(f"EVAL_{name}")
    try:
        found = int(given) if given else default
    except ValueError:
        found = least - 1
    if found < least:
        raise InvalidValue(f"GENAI_EVAL_{name} is {given!r}, not a whole number, at least {least}.")
    return found
