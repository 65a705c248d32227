"""What happened at each endpoint in the last hour, day or week: counts, times, money, by time.

One pass over the rows of the window. Percentiles are exact: the smallest values that so many
percent do not exceed, as in ``usage.queries``.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from attrs import define, field, frozen
from pegboard.errors import InvalidValue, quoted
from pegboard_stores.sqlite import Database

from pegboard_gateway.control.windows import Window
from pegboard_gateway.money import DOLLAR

_MINUTE, _DAY = 60_000, 86_400_000
MOST_STEPS = 62
"""How many steps the money of a window is shown in."""
_STEPS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE, 360 * _MINUTE, _DAY, 7 * _DAY)

# More than one attempt has a comma between two lists; only such texts are read as JSON.
_ROWS = """
SELECT endpoint, started_ms, outcome, tokens_in + tokens_out, cost, seconds, first_token_seconds,
model, target, CASE WHEN instr(attempts, '],[') THEN
(SELECT count(DISTINCT json_extract(value, '$[0]')) > 1 FROM json_each(attempts)) ELSE 0 END
FROM gateway_call WHERE started_ms >= ? AND started_ms < ?
"""
_COUNT = "SELECT count(*) FROM gateway_call WHERE started_ms >= ? AND started_ms < ?"
_COSTS = """
SELECT (started_ms - ?) / ?, sum(cost) FROM gateway_call WHERE started_ms >= ? AND started_ms < ?
GROUP BY 1
"""


@frozen
class Span:
    """A time that ends now, cut into steps; all in milliseconds."""

    since: int
    until: int
    step: int

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return (self.until - self.since) // self.step


_SPANS = {"1h": (60, _MINUTE), "24h": (96, 15 * _MINUTE), "7d": (84, 120 * _MINUTE)}
SPANS = tuple(_SPANS)
"""The names of spans."""


def span_of(name: str, now_ms: int) -> Span:
    """Return the span of a name; InvalidValue if there is none.

    Its steps begin at full minutes or hours, so that they stay what they are while time goes on.
    """
    if name not in _SPANS:
        raise InvalidValue(f"{quoted(name)} is not a span.", hint=f"Use {', '.join(SPANS)}.")
    steps, step = _SPANS[name]
    until = (now_ms // step + 1) * step
    return Span(until - steps * step, until, step)


@define(eq=False)
class Sums:
    """What calls add up to."""

    calls: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    fell_back: int = 0
    tokens: int = 0
    cost: int = 0
    seconds: array[float] = field(factory=lambda: array("d"))
    first_tokens: array[float] = field(factory=lambda: array("d"))
    instead: Counter[str] = field(factory=Counter)
    """The models that answered after others had failed."""

    def add(self, row: Sequence[Any], fallbacks: Set[str]) -> None:
        """Add a call."""
        _, _, outcome, tokens, cost, seconds, first_token, model, target, fell_back = row
        self.calls += 1
        self.outcomes[outcome] += 1
        self.tokens += tokens
        self.cost += cost
        # What was refused took no time, and what was given up says nothing of the upstream.
        if outcome in ("done", "cached", "failed"):
            self.seconds.append(seconds)
        if first_token:
            self.first_tokens.append(first_token)
        if fell_back or target in fallbacks:
            self.fell_back += 1
            if outcome == "done":
                self.instead[model] += 1

    def json(self) -> dict[str, Any]:
        """Return it as it is sent; ``usd`` in dollars, times in seconds."""
        p50, p95 = percentiles(self.seconds, (50, 95))
        [first] = percentiles(self.first_tokens, (50,))
        return {
            "calls": self.calls,
            "cached": self.outcomes["cached"],
            "failed": self.outcomes["failed"] + self.outcomes["lost"],
            "refused": self.outcomes["refused"],
            "gone": self.outcomes["gone"],
            "fell_back": self.fell_back,
            "tokens": self.tokens,
            "usd": self.cost / DOLLAR,
            "p50": p50,
            "p95": p95,
            "first_token_p50": first,
        }


@define(eq=False)
class Summary:
    """The calls of a span: all, by endpoint, and by step."""

    span: Span
    total: Sums
    endpoints: Mapping[str, Sums]
    counts: Mapping[str, Sequence[int]]
    """By endpoint, how many calls each step had."""
    steps: Sequence[Sums]
    before: int
    """How many calls the span before this one had."""

    def series(self) -> dict[str, Sequence[float | None]]:
        """Return what changes from step to step."""
        found = [each.json() for each in self.steps]
        names = ("calls", "failed", "fell_back", "p50", "p95")
        return {name: [each[name] for each in found] for name in names}


def summary(database: Database | None, span: Span, fallbacks: Set[str] = frozenset()) -> Summary:
    """Return what happened in a span; nothing if there is no database.

    ``fallbacks`` are targets that are no first choice. While the breaker of the first choice is
    open they are asked at once, and that is a fallback too.
    """
    steps = [Sums() for _ in range(span.steps)]
    found = Summary(span, Sums(), {}, {}, steps, 0)
    if database is None:
        return found
    endpoints: dict[str, Sums] = {}
    counts: dict[str, list[int]] = {}
    with database.reading() as connection:
        for row in connection.execute(_ROWS, (span.since, span.until)):
            name, place = row[0], (row[1] - span.since) // span.step
            if name not in endpoints:
                endpoints[name], counts[name] = Sums(), [0] * len(steps)
            for sums in (found.total, endpoints[name], steps[place]):
                sums.add(row, fallbacks)
            counts[name][place] += 1
        length = span.until - span.since
        [found.before] = connection.execute(_COUNT, (span.since - length, span.since)).fetchone()
    found.endpoints, found.counts = endpoints, counts
    return found


def spent(database: Database | None, window: Window, now_ms: int) -> dict[str, Any]:
    """Return the money of the window around a time, in dollars, step by step up to now."""
    begins, ends = window.span(now_ms)
    step = next((each for each in _STEPS if (ends - begins) / each <= MOST_STEPS), ends - begins)
    costs = [0.0] * ((now_ms - begins) // step + 1)
    if database is not None:
        with database.reading() as connection:
            rows = connection.execute(_COSTS, (begins, step, begins, now_ms + 1)).fetchall()
        for place, cost in rows:
            costs[place] = cost / DOLLAR
    return {
        "window": str(window),
        "begins_ms": begins,
        "ends_ms": ends,
        "step_ms": step,
        "usd": costs,
    }


def percentiles(values: array[float], percents: Sequence[int]) -> list[float | None]:
    """Return the smallest values that so many percent do not exceed; None if there are none."""
    if not values:
        return [None for _ in percents]
    ordered = sorted(values)
    places = [max(-(-len(ordered) * percent // 100) - 1, 0) for percent in percents]
    return [float(f"{ordered[place]:.6g}") for place in places]
