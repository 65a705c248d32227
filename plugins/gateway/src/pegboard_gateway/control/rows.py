"""Usage records as rows: one list of plain values for the journal and for the table.

A row is made once a call, on its way, so it is made without detours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import orjson

from pegboard_gateway.entities import (
    Asked,
    Attempt,
    Caller,
    Estimate,
    Outcome,
    Tokens,
    UsageRecord,
)

COLUMNS = (
    "call", "id", "started_ms", "endpoint", "task", "face", "outcome", "status",
    "key_id", "user", "address", "team", "workspace",
    "stream", "trouble", "provider", "model", "target",
    "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "estimated", "cost",
    "seconds", "first_token_seconds", "upstream_seconds", "attempts", "tags", "admitted",
    "unpriced", "prompt",
)  # fmt: skip
"""What the values of a row are, in their order."""

PLACE = {name: place for place, name in enumerate(COLUMNS)}

ATTEMPT = (
    "target", "provider", "model", "trouble", "status", "seconds", "cost",
    "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "estimated", "unpriced",
)  # fmt: skip
"""What the values of an attempt are; older ones lack the last. The column ``attempts`` is a
JSON array of such arrays."""

Row: TypeAlias = list[Any]

_NEWER = (0, "")
"""The values of the last columns in rows of versions that did not have them."""


def attempt_sql(name: str) -> str:
    """Return the SQL of a value of the attempt that ``attempt.value`` is."""
    return f"json_extract(attempt.value, '$[{ATTEMPT.index(name)}]')"


def row_of(record: UsageRecord, call: str, *, admitted: bool) -> Row:
    """Return the row of a record; ``call`` is the call's own id, unlike any other's."""
    caller, tokens = record.caller, record.tokens
    return [
        call, record.id, record.started_ms, record.endpoint, str(record.task), record.face,
        str(record.outcome), record.status,
        caller.key_id, caller.user, caller.address, caller.team, caller.workspace,
        int(record.stream), str(record.trouble), record.provider, record.model, record.target,
        tokens.input, tokens.output, tokens.cached, tokens.reasoning, int(tokens.estimated),
        record.cost, record.seconds, record.first_token_seconds, record.upstream_seconds,
        _attempts(record.attempts) if record.attempts else "",
        orjson.dumps(dict(record.tags)).decode() if record.tags else "",
        int(admitted), int(record.is_unpriced), record.prompt,
    ]  # fmt: skip


def lost_row(asked: Asked, estimate: Estimate, call: str, now_ms: int) -> Row:
    """Return what is known of a call at its admission, for the case that nothing more follows."""
    caller = asked.caller
    return [
        call, "", now_ms, asked.endpoint, str(asked.task), asked.face,
        "lost", 0,
        caller.key_id, caller.user, caller.address, caller.team, caller.workspace,
        int(asked.stream), "lost", "", "", "",
        estimate.input, estimate.output, 0, 0, 1,
        0, 0.0, 0.0, 0.0, "", "", 1, 0, asked.prompt,
    ]  # fmt: skip


def completed(row: Row | None) -> Row | None:
    """Return a row that an older version may have written, with the values that it lacks."""
    return None if row is None else [*row, *_NEWER[len(row) - len(COLUMNS) + len(_NEWER) :]]


def record_of(row: Sequence[Any]) -> UsageRecord:
    """Return the record of a row."""
    at = dict(zip(COLUMNS, row, strict=True))
    return UsageRecord(
        id=at["id"],
        started_ms=at["started_ms"],
        endpoint=at["endpoint"],
        task=at["task"],
        face=at["face"],
        outcome=Outcome(at["outcome"]),
        status=at["status"],
        caller=Caller(at["key_id"], at["user"], at["address"], at["team"], at["workspace"]),
        stream=bool(at["stream"]),
        trouble=at["trouble"],
        provider=at["provider"],
        model=at["model"],
        target=at["target"],
        tokens=Tokens(
            at["tokens_in"],
            at["tokens_out"],
            at["tokens_cached"],
            bool(at["estimated"]),
            at["tokens_reasoning"],
        ),
        cost=at["cost"],
        is_unpriced=bool(at["unpriced"]),
        seconds=at["seconds"],
        first_token_seconds=at["first_token_seconds"],
        upstream_seconds=at["upstream_seconds"],
        attempts=tuple(_attempt(each) for each in orjson.loads(at["attempts"] or "[]")),
        prompt=at["prompt"],
        tags=orjson.loads(at["tags"] or "{}"),
    )


def _attempts(attempts: Sequence[Attempt]) -> str:
    return orjson.dumps(
        [
            [
                a.target, a.provider, a.model, str(a.trouble), a.status, a.seconds, a.cost,
                a.tokens.input, a.tokens.output, a.tokens.cached, a.tokens.reasoning,
                a.tokens.estimated, a.is_unpriced,
            ]
            for a in attempts
        ]
    ).decode()  # fmt: skip


def _attempt(values: Sequence[Any]) -> Attempt:
    target, provider, model, trouble, status, seconds, cost, *tokens = values
    taken, given, cached, reasoning, estimated, *newer = tokens
    return Attempt(
        target=target,
        provider=provider,
        model=model,
        trouble=trouble,
        status=status,
        seconds=seconds,
        cost=cost,
        tokens=Tokens(taken, given, cached, estimated, reasoning),
        is_unpriced=any(newer),
    )
