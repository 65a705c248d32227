"""What happened at each endpoint in the last hour, day or week: counts, times, money, by time.

All is summed up within SQLite, which holds up no call meanwhile. Percentiles are the smallest
values that so many percent do not exceed, to three digits.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from attrs import define, field, frozen
from pegboard.errors import InvalidValue, quoted
from pegboard_stores.sqlite import Database

from pegboard_gateway.control.rows import attempt_sql
from pegboard_gateway.control.windows import Window
from pegboard_gateway.money import DOLLAR

_MINUTE, _DAY = 60_000, 86_400_000
MOST_STEPS = 62
"""How many steps the money of a window is shown in."""
_STEPS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE, 360 * _MINUTE, _DAY, 7 * _DAY)

_WITHIN = "FROM gateway_call WHERE started_ms >= :since AND started_ms < :until"
_STEP = "(started_ms - :since) / :step"
# More than one attempt has a comma between two lists; only such texts are read as JSON.
_FELL_BACK = f"""
SELECT endpoint, {_STEP}, iif(outcome = 'done', model, ''), count(*) {_WITHIN}
AND (target IN (SELECT value FROM json_each(:fallbacks)) OR instr(attempts, '],[') AND
(SELECT count(DISTINCT json_extract(value, '$[0]')) > 1 FROM json_each(attempts))) GROUP BY 1, 2, 3
"""  # noqa: S608
# The only attempt of a call ended as the call did.
_ATTEMPTS = f"""
SELECT target, count(*), total(outcome = 'failed') {_WITHIN}
AND attempts != '' AND NOT instr(attempts, '],[') GROUP BY 1
UNION ALL
SELECT {attempt_sql("target")}, count(*), total({attempt_sql("trouble")} != '')
FROM (SELECT attempts {_WITHIN} AND instr(attempts, '],[')), json_each(attempts) AS attempt
GROUP BY 1
"""  # noqa: S608
_COUNTS = f"""
SELECT endpoint, {_STEP}, outcome, count(*), sum(tokens_in + tokens_out), sum(cost),
sum(unpriced) {_WITHIN}
GROUP BY 1, 2, 3
"""
# What was refused took no time, and what was given up says nothing of the upstream.
_TIMES = f"""
SELECT {{by}}, printf('%.2e', seconds), count(*) {_WITHIN}
AND outcome IN ('done', 'cached', 'failed') GROUP BY 1, 2
"""
_FIRST_TOKENS = f"""
SELECT '', printf('%.2e', first_token_seconds), count(*) {_WITHIN} AND first_token_seconds > 0
GROUP BY 2
"""
_COUNT = "SELECT count(*) FROM gateway_call WHERE started_ms >= ? AND started_ms < ?"
_COSTS = """
SELECT (started_ms - ?) / ?, sum(cost), sum(unpriced) FROM gateway_call
WHERE started_ms >= ? AND started_ms < ?
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
    unpriced: int = 0
    """How many calls ``cost`` lacks, as nobody knows what they cost."""
    times: Counter[str] = field(factory=Counter)
    """How many calls took so many seconds."""

    def add(self, outcome: str, calls: int, tokens: int, cost: int, unpriced: int) -> None:
        """Add calls of one outcome."""
        self.calls += calls
        self.outcomes[outcome] += calls
        self.tokens += tokens
        self.cost += cost
        self.unpriced += unpriced

    def json(self) -> dict[str, Any]:
        """Return it as it is sent; ``usd`` in dollars, times in seconds."""
        p50, p95 = percentiles(self.times, (50, 95))
        return {
            "calls": self.calls,
            "cached": self.outcomes["cached"],
            "failed": self.outcomes["failed"] + self.outcomes["lost"],
            "refused": self.outcomes["refused"],
            "gone": self.outcomes["gone"],
            "fell_back": self.fell_back,
            "tokens": self.tokens,
            "usd": self.cost / DOLLAR,
            "unpriced": self.unpriced,
            "p50": p50,
            "p95": p95,
        }


@define(eq=False)
class Summary:
    """The calls of a span: all, by endpoint, and by step."""

    span: Span
    steps: Sequence[Sums]
    total: Sums = field(factory=Sums)
    endpoints: dict[str, Sums] = field(factory=dict)
    counts: dict[str, list[int]] = field(factory=dict)
    """By endpoint, how many calls each step had."""
    attempts: Counter[str] = field(factory=Counter)
    """By target, how often it was tried."""
    attempts_failed: Counter[str] = field(factory=Counter)
    instead: Counter[str] = field(factory=Counter)
    """The models that answered after others had failed."""
    first_tokens: Counter[str] = field(factory=Counter)
    before: int = 0
    """How many calls the span before this one had."""

    def totals(self) -> dict[str, Any]:
        """Return what all calls come to."""
        [first] = percentiles(self.first_tokens, (50,))
        [instead] = self.instead.most_common(1) or [("", 0)]
        more = {"first_token_p50": first, "before": self.before, "instead": instead[0]}
        return {**self.total.json(), **more}

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
    found = Summary(span, [Sums() for _ in range(span.steps)])
    if database is None:
        return found
    values = {"since": span.since, "until": span.until, "step": span.step}
    length = span.until - span.since
    with database.reading() as connection:
        for row in connection.execute(_COUNTS, values):
            _add(found, *row)
        asked = {**values, "fallbacks": json.dumps(sorted(fallbacks))}
        for row in connection.execute(_FELL_BACK, asked):
            _add_fallen(found, *row)
        for target, attempts, failed in connection.execute(_ATTEMPTS, values):
            found.attempts[target] += attempts
            found.attempts_failed[target] += int(failed)
        _add_times(found, connection, values)
        [found.before] = connection.execute(_COUNT, (span.since - length, span.since)).fetchone()
    return found


def _add(found: Summary, endpoint: str, step: int, outcome: str, calls: int, *sums: int) -> None:
    if endpoint not in found.endpoints:
        found.endpoints[endpoint], found.counts[endpoint] = Sums(), [0] * len(found.steps)
    for each in (found.total, found.endpoints[endpoint], found.steps[step]):
        each.add(outcome, calls, *sums)
    found.counts[endpoint][step] += calls


def _add_fallen(found: Summary, endpoint: str, step: int, instead: str, calls: int) -> None:
    # A writer may have added calls of a new endpoint meanwhile; they are for the next time.
    if endpoint not in found.endpoints:
        return
    for each in (found.total, found.endpoints[endpoint], found.steps[step]):
        each.fell_back += calls
    if instead:
        found.instead[instead] += calls


def _add_times(found: Summary, connection: sqlite3.Connection, values: Mapping[str, int]) -> None:
    for endpoint, seconds, calls in connection.execute(_TIMES.format(by="endpoint"), values):
        if endpoint in found.endpoints:
            found.endpoints[endpoint].times[seconds] += calls
            found.total.times[seconds] += calls
    for step, seconds, calls in connection.execute(_TIMES.format(by=_STEP), values):
        found.steps[step].times[seconds] += calls
    for _, seconds, calls in connection.execute(_FIRST_TOKENS, values):
        found.first_tokens[seconds] += calls


def spent(database: Database | None, window: Window, now_ms: int) -> dict[str, Any]:
    """Return the money of the window around a time, in dollars, step by step up to now.

    ``unpriced`` is how many calls it lacks, as nobody knows what they cost.
    """
    unpriced = 0
    begins, ends = window.span(now_ms)
    step = next((each for each in _STEPS if (ends - begins) / each <= MOST_STEPS), ends - begins)
    costs = [0.0] * ((now_ms - begins) // step + 1)
    if database is not None:
        with database.reading() as connection:
            rows = connection.execute(_COSTS, (begins, step, begins, now_ms + 1)).fetchall()
        for place, cost, calls in rows:
            costs[place] = cost / DOLLAR
            unpriced += calls
    return {
        "window": str(window),
        "begins_ms": begins,
        "ends_ms": ends,
        "step_ms": step,
        "usd": costs,
        "unpriced": unpriced,
    }


def percentiles(times: Mapping[str, int], percents: Sequence[int]) -> list[float | None]:
    """Return the smallest values that so many percent do not exceed; None if there are none.

    ``times`` says how often there is each value, which is written as a text.
    """
    whole = sum(times.values())
    if not whole:
        return [None for _ in percents]
    wanted = [max(-(-whole * percent // 100), 1) for percent in percents]
    found: list[float | None] = []
    passed = 0
    for value, count in sorted((float(text), count) for text, count in times.items()):
        passed += count
        while len(found) < len(wanted) and passed >= wanted[len(found)]:
            found.append(value)
    return found
