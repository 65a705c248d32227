"""Times as MLflow writes them in JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(1000)
def time_json(ms: int) -> str:
    """Return a time as the protocol's text, such as ``2026-01-31T12:00:00.500Z``."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def read_time(text: str) -> int:
    """Return what ``time_json`` made; ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
