"""Questions about usage: single calls by time, and sums by what one likes.

They read the table that the writers fill, from any process, while these go on.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attrs import fields as fields_of
from attrs import frozen
from pegboard.errors import InvalidValue, quoted
from pegboard_stores.sqlite import Database

from pegboard_gateway.control.rows import COLUMNS, attempt_sql, record_of
from pegboard_gateway.control.rules import Budget, Limit, Measure, Scope
from pegboard_gateway.entities import UsageRecord

MOST = 1_000
"""How many calls a page may have, and how many groups an answer."""

BY: Mapping[str, str] = {
    "minute": "started_ms / 60000 * 60000",
    "hour": "started_ms / 3600000 * 3600000",
    "day": "started_ms / 86400000 * 86400000",
    "endpoint": "endpoint",
    "provider": "provider",
    "model": "model",
    "target": "target",
    "prompt": "prompt",
    "key": "key_id",
    "user": "user",
    "team": "team",
    "workspace": "workspace",
    "face": "face",
    "outcome": "outcome",
    "status": "status",
    "trouble": "trouble",
}
"""What sums can be grouped by; times are milliseconds since 1970, where an hour or so begins."""

_SUMS = """
count(*), total(outcome = 'cached'), total(outcome = 'failed'), total(outcome = 'refused'),
total(outcome IN ('gone', 'lost')), sum(tokens_in), sum(tokens_out), sum(tokens_cached),
sum(tokens_reasoning), sum(cost), sum(unpriced), pegboard_percentiles(seconds),
pegboard_percentiles(nullif(first_token_seconds, 0)), pegboard_percentiles(upstream_seconds)
"""
_ATTEMPTED = {
    name: f"ifnull({attempt_sql(name)}, {name})" for name in ("target", "provider", "model")
}
"""What belongs to each attempt. To sum up by one of these, a call comes once for each attempt; what
was never tried, or left no list of attempts, comes once as it is."""
_TRIED = "LEFT JOIN json_each(nullif(attempts, '')) AS attempt"
_IS_LAST = "iif(attempt.key IS NULL, 1, attempt.key = json_array_length(attempts) - 1)"
_SPENT = ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost", "unpriced")
_SUMS_OF_ATTEMPTS = f"""
total({_IS_LAST}), total({_IS_LAST} AND outcome = 'cached'),
total({_IS_LAST} AND outcome = 'failed'), total({_IS_LAST} AND outcome = 'refused'),
total({_IS_LAST} AND outcome IN ('gone', 'lost')),
{", ".join(f"sum(ifnull({attempt_sql(name)}, {name}))" for name in _SPENT)},
pegboard_percentiles(iif({_IS_LAST}, seconds, NULL)),
pegboard_percentiles(iif({_IS_LAST}, nullif(first_token_seconds, 0), NULL)),
pegboard_percentiles(ifnull({attempt_sql("seconds")}, upstream_seconds)),
count(attempt.key), total({attempt_sql("trouble")} != '')
"""
"""Calls count where they ended, money and tokens where they were spent."""
_NAMES = ("calls", "cached", "failed", "refused", "gone", *_SPENT)
_DURATIONS = ("seconds", "first_token_seconds", "upstream_seconds")
_PERCENTS = (50, 95, 99)

_COLUMN = {
    Scope.GLOBAL: "''",
    Scope.WORKSPACE: "workspace",
    Scope.ENDPOINT: "endpoint",
    Scope.KEY: "key_id",
    Scope.USER: "user",
    Scope.TEAM: "team",
    Scope.ADDRESS: "address",
}
_MEASURED = {
    Measure.CALLS: "count(*), 0",
    Measure.TOKENS: "sum(tokens_in + tokens_out), 0",
    Measure.MONEY: "sum(cost), sum(unpriced)",
}


@frozen(kw_only=True)
class Filter:
    """Which calls; what is None does not matter."""

    since_ms: int | None = None
    until_ms: int | None = None
    id: str | None = None
    endpoint: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt: str | None = None
    key_id: str | None = None
    user: str | None = None
    team: str | None = None
    outcome: str | None = None
    status: int | None = None


@frozen
class Page:
    """Some calls, the newest first."""

    records: Sequence[UsageRecord]
    next: str
    """The token of the page after this one; empty if it is the last."""


class Percentiles:
    """SQLite's aggregate ``pegboard_percentiles``: p50, p95 and p99 as one text."""

    def __init__(self) -> None:
        self._values = array("f")

    def step(self, value: float | None) -> None:
        """Take a value."""
        if value is not None:
            self._values.append(value)

    def finalize(self) -> str | None:
        """Return the percentiles: the smallest values that so many percent do not exceed."""
        if not self._values:
            return None
        ordered = sorted(self._values)
        places = [max(-(-len(ordered) * percent // 100) - 1, 0) for percent in _PERCENTS]
        return " ".join(f"{ordered[place]:.6g}" for place in places)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection what the questions need, and no more memory than helps."""
    made: Any = Percentiles
    connection.create_aggregate("pegboard_percentiles", 1, made)
    # Rows come in the order of their keys, so the same few pages are written again and again, and
    # what is read is mapped: more than this takes memory and saves no time.
    connection.execute("PRAGMA cache_size = -2048")


def calls(database: Database, where: Filter, *, limit: int = 100, token: str = "") -> Page:
    """Return calls, the newest first.

    ``token`` is that of the page before; InvalidValue if it is not one, or ``limit`` is not 1 to
    MOST.
    """
    _check_limit(limit)
    condition, values = _where(where)
    if token:
        condition += " AND (started_ms, number) < (?, ?)"
        values += _read_token(token)
    query = (
        f"SELECT number, {', '.join(COLUMNS)} FROM gateway_call WHERE {condition}"  # noqa: S608
        " ORDER BY started_ms DESC, number DESC LIMIT ?"
    )
    with database.reading() as connection:
        rows = connection.execute(query, (*values, limit + 1)).fetchall()
    following = _token(rows[limit - 1]) if len(rows) > limit else ""
    return Page([record_of(row[1:]) for row in rows[:limit]], following)


def grouped(
    database: Database, by: Sequence[str], where: Filter, *, limit: int = MOST
) -> list[dict[str, Any]]:
    """Return sums by some of ``BY``; without any, of all calls together.

    Times come in their order, else what costs most comes first. ``cost`` is in nano-dollars, and
    lacks ``unpriced`` calls, of which nobody knows what they cost; each
    duration has ``p50``, ``p95`` and ``p99`` in seconds, or None if there is none. InvalidValue
    for what cannot be grouped by.

    By target, provider or model each attempt counts where it was made, also one that failed before
    another target answered: there are ``attempts`` and ``attempts_failed`` too,
    ``upstream_seconds`` are those of attempts, and a call is counted where it ended.
    """
    _check_limit(limit)
    for name in by:
        if name not in BY:
            raise InvalidValue(
                f"Usage cannot be grouped by {quoted(name)}.", hint=f"Use {', '.join(BY)}."
            )
    condition, values = _where(where)
    tried = not _ATTEMPTED.keys().isdisjoint(by)
    keys = [_ATTEMPTED.get(name, BY[name]) for name in by]
    group = f" GROUP BY {', '.join(map(str, range(1, len(by) + 1)))}" if by else ""
    times = [str(n + 1) for n, name in enumerate(by) if name in ("minute", "hour", "day")]
    order = ", ".join([*times, f"{len(by) + 10} DESC", f"{len(by) + 1} DESC"])
    query = (
        f"SELECT {', '.join([*keys, _SUMS_OF_ATTEMPTS if tried else _SUMS])}"  # noqa: S608
        f" FROM gateway_call {_TRIED if tried else ''} WHERE {condition}{group}"
        f" ORDER BY {order} LIMIT ?"
    )
    with database.reading() as connection:
        rows = connection.execute(query, (*values, limit)).fetchall()
    return [_sums(by, row) for row in rows]


class Used(NamedTuple):
    """How much of a limit or budget is used."""

    amount: int = 0
    unpriced: int = 0
    """How many calls a budget could not count, as nobody knows what they cost."""


def measured(database: Database, rule: Limit | Budget, now_ms: int) -> dict[str, Used]:
    """Return by subject how much of a limit or budget is used, in the window around a time.

    It is the sum of the records: what still runs is not in it.
    """
    start, end = rule.window.span(now_ms)
    query = (
        f"SELECT {_COLUMN[rule.scope]}, {_MEASURED[rule.measure]} FROM gateway_call"  # noqa: S608
        " WHERE started_ms >= ? AND started_ms < ? AND admitted"
        " AND (? = '' OR endpoint = ?) GROUP BY 1"
    )
    with database.reading() as connection:
        rows = connection.execute(query, (start, end, rule.endpoint, rule.endpoint)).fetchall()
    found = {subject: Used(amount or 0, unpriced or 0) for subject, amount, unpriced in rows}
    return {rule.subject: found.get(rule.subject, Used())} if rule.subject else found


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise InvalidValue(f"At most {MOST} can be asked for at once, and at least 1.")


def _where(where: Filter) -> tuple[str, list[Any]]:
    parts, values = ["1"], []
    for field in fields_of(Filter):
        value = getattr(where, field.name)
        if value is None:
            continue
        if field.name == "since_ms":
            parts.append("gateway_call.started_ms >= ?")
        elif field.name == "until_ms":
            parts.append("gateway_call.started_ms < ?")
        else:
            parts.append(f"gateway_call.{field.name} = ?")
        values.append(value)
    return " AND ".join(parts), values


def _sums(by: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(by, row, strict=False))
    rest = row[len(by) :]
    found |= {name: int(value or 0) for name, value in zip(_NAMES, rest, strict=False)}
    attempts = rest[len(_NAMES) + len(_DURATIONS) :]
    found |= {f"attempts{end}": int(n) for end, n in zip(("", "_failed"), attempts, strict=False)}
    for name, text in zip(_DURATIONS, rest[len(_NAMES) :], strict=False):
        values = [float(part) for part in text.split()] if text else [None] * len(_PERCENTS)
        found[name] = {f"p{p}": value for p, value in zip(_PERCENTS, values, strict=True)}
    return found


def _token(row: Sequence[Any]) -> str:
    text = f"{row[1 + COLUMNS.index('started_ms')]}:{row[0]}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> list[int]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        started, _, number = text.partition(":")
        found = [int(started), int(number)]
    except (ValueError, binascii.Error):
        found = []
    if not found or any(not -(2**63) <= value < 2**63 for value in found):
        raise InvalidValue(
            "The page token is not one of ours.", hint="Pass that of the page before, unchanged."
        )
    return found
