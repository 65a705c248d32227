"""Times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pegboard.errors import InvalidValue, quoted

_LENGTH = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _length_ms(text: str) -> int | None:
    found = _LENGTH.fullmatch(text.strip().lower())
    return None if found is None else int(found[1]) * _MILLISECONDS[found[2]]


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidValue(
            f"{quoted(text)} is not a time.",
            hint="Write 30m, 24h or 7d, or a date such as 2030-01-31 or 2030-01-31T12:00.",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def began_at_ms(text: str, now_ms: int) -> int:
    """Return the time that ``24h`` (ago) or a date stands for, in UTC if it does not say."""
    length = _length_ms(text)
    return _moment_ms(text) if length is None else now_ms - length


def ends_at_ms(text: str, now_ms: int) -> int:
    """Return the time that ``90d`` (from now) or a date stands for, in UTC if it does not say."""
    length = _length_ms(text)
    return _moment_ms(text) if length is None else now_ms + length


def day_and_time(moment_ms: int) -> str:
    """Return a time as text, in UTC."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
