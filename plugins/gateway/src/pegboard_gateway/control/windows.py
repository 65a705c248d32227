"""Windows of time in which calls, tokens and money are counted.

A window begins at a full second, minute, hour, day, week (Monday), month or year, in UTC, so all
processes and machines agree on it without asking each other.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from enum import StrEnum

from attrs import define, field, frozen, validators
from pegboard.errors import InvalidValue, quoted


class Unit(StrEnum):
    """What a window is measured in."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_MILLISECONDS = {
    Unit.SECOND: 1_000,
    Unit.MINUTE: 60_000,
    Unit.HOUR: 3_600_000,
    Unit.DAY: 86_400_000,
    Unit.WEEK: 7 * 86_400_000,
}
_MONTHS = {Unit.MONTH: 1, Unit.YEAR: 12}
_FIRST_MONDAY = 4 * 86_400_000
"""The fifth of January 1970: weeks are counted from there."""
_TEXT = re.compile(r"\s*(?:(\d{1,6})\s+)?([a-z]+?)s?\s*")


@define(eq=False)
class _Last:
    """The span that was asked for last: nearly always that of the next question too."""

    start: int = 0
    end: int = 0


@frozen
class Window:
    """So many units, counted from 1970."""

    unit: Unit
    count: int = field(default=1, validator=[validators.ge(1), validators.le(1_000_000)])
    _last: _Last = field(factory=_Last, init=False, eq=False, repr=False)

    @staticmethod
    def parse(text: str) -> Window:
        """Return the window that ``minute``, ``10 minutes`` or ``month`` stands for."""
        found = _TEXT.fullmatch(text.lower())
        if found is None or found[2] not in set(Unit) or not int(found[1] or 1):
            raise InvalidValue(
                f"{quoted(text)} is not a window of time.",
                hint=f"Write one of {', '.join(Unit)}, with a number in front if you like.",
            )
        return Window(Unit(found[2]), int(found[1] or 1))

    def span(self, now_ms: int) -> tuple[int, int]:
        """Return where the window around a time begins and ends, in milliseconds since 1970."""
        last = self._last
        if not last.start <= now_ms < last.end:
            start, end = self._span(now_ms)
            # Threads may come between: each writes a whole span, of which any is checked again.
            object.__setattr__(self, "_last", _Last(start, end))
            return start, end
        return last.start, last.end

    def _span(self, now_ms: int) -> tuple[int, int]:
        if self.unit in _MONTHS:
            length = self.count * _MONTHS[self.unit]
            moment = datetime.fromtimestamp(now_ms / 1000, UTC)
            first = (12 * (moment.year - 1970) + moment.month - 1) // length * length
            return _month(first), _month(first + length)
        length = self.count * _MILLISECONDS[self.unit]
        offset = _FIRST_MONDAY if self.unit is Unit.WEEK else 0
        start = (now_ms - offset) // length * length + offset
        return start, start + length

    def __str__(self) -> str:
        return str(self.unit) if self.count == 1 else f"{self.count} {self.unit}s"


def _month(number: int) -> int:
    """Return when the month of that number since January 1970 begins."""
    year, month = 1970 + number // 12, 1 + number % 12
    if year > 9999:
        raise InvalidValue("A window of time does not end before the year 9999.")
    return calendar.timegm((year, month, 1, 0, 0, 0)) * 1000
