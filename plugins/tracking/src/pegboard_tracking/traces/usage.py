"""What spans tell of language models: which was asked, how many tokens, and at what cost."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen
from pegboard.entities.traces import Span

TOKEN_USAGE, COST = "mlflow.trace.tokenUsage", "mlflow.trace.cost"

_MODELS = ("mlflow.llm.model", "gen_ai.response.model", "gen_ai.request.model")
_PROVIDERS = ("mlflow.llm.provider", "gen_ai.provider.name")
_USAGE_OF_SPAN, _COST_OF_SPAN = "mlflow.chat.tokenUsage", "mlflow.llm.cost"
_TOKENS = ("input_tokens", "output_tokens", "total_tokens")
_MORE_TOKENS = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)
_COSTS = ("input_cost", "output_cost", "total_cost")
_OTEL_TOKENS = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_input_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_creation_input_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_creation_input_tokens",
}
_TELLING = frozenset({*_MODELS, *_PROVIDERS, *_OTEL_TOKENS, _USAGE_OF_SPAN, _COST_OF_SPAN})
_MAX_NAME = 500
_LONGEST_USAGE = 10_000
"""A longer text is not a few numbers by name."""

_Figures: TypeAlias = Mapping[str, float]


@frozen
class _Told:
    model: str | None
    provider: str | None
    costs: _Figures
    usage: _Figures


def keep(
    connection: sqlite3.Connection, trace: int, spans: Sequence[Span], *, fresh: bool
) -> dict[str, str]:
    """Keep what spans of a trace, which are stored already, tell of language models.

    Return the metadata that all spans of the trace make, sums of tokens and costs as JSON; nothing
    if these ones tell nothing. They are all there are of a ``fresh`` trace.
    """
    last = {span.span_id: span for span in spans}
    told = {span_id: found for span_id, span in last.items() if (found := _told(span)) is not None}
    if not fresh:
        # One that comes again may have told something before.
        connection.execute(
            "DELETE FROM llm_call WHERE span IN (SELECT id FROM span WHERE trace = ?"
            " AND span_id IN (SELECT value FROM json_each(?)))",
            (trace, json.dumps([span_id for span_id in last if span_id not in told])),
        )
    if not told:
        return {}
    connection.executemany(
        "INSERT OR REPLACE INTO llm_call SELECT id, ?, ?, ?, ?, ?, ? FROM span"
        " WHERE trace = ? AND span_id = ?",
        [
            (
                found.model,
                found.provider,
                *(found.costs.get(name) for name in _COSTS),
                json.dumps(found.usage) if found.usage else None,
                trace,
                span_id,
            )
            for span_id, found in told.items()
        ],
    )
    if not fresh:
        return _sums(_stored(connection, trace))
    return _sums([(span_id, span.parent_id, told.get(span_id)) for span_id, span in last.items()])


_Node: TypeAlias = tuple[str, str | None, _Told | None]
"""A span, the one it is within, and what it tells."""


def _stored(connection: sqlite3.Connection, trace: int) -> list[_Node]:
    nodes: list[_Node] = []
    for span_id, parent_id, told, used, *paid in connection.execute(
        "SELECT s.span_id, s.parent_id, g.span, g.usage, g.input_cost, g.output_cost, g.total_cost"
        " FROM span s LEFT JOIN llm_call g ON g.span = s.id WHERE s.trace = ?",
        (trace,),
    ):
        costs = {name: each for name, each in zip(_COSTS, paid, strict=True) if each is not None}
        known = _Told(None, None, costs, json.loads(used) if used else {})
        nodes.append((span_id, parent_id, None if told is None else known))
    return nodes


def _sums(nodes: Sequence[_Node]) -> dict[str, str]:
    """Add up what spans tell, which includes what is told by spans within them."""
    found: dict[str, str] = {}
    usage = _outermost([(own, above, told.usage if told else {}) for own, above, told in nodes])
    if usage:
        more = [key for key in _MORE_TOKENS if any(key in each for each in usage)]
        tokens = {key: sum(each.get(key, 0) for each in usage) for key in (*_TOKENS, *more)}
        found[TOKEN_USAGE] = json.dumps(tokens)
    costs = _outermost([(own, above, told.costs if told else {}) for own, above, told in nodes])
    if costs:
        paid = {key: sum((each.get(key, 0.0) for each in costs), 0.0) for key in _COSTS}
        found[COST] = json.dumps(paid)
    return found


def _outermost(nodes: Sequence[tuple[str, str | None, _Figures]]) -> list[_Figures]:
    """Return what those spans tell that are within no other that tells something."""
    known = {span_id for span_id, _, _ in nodes}
    inner: dict[str | None, list[tuple[str, _Figures]]] = {}
    for span_id, parent_id, told in nodes:
        inner.setdefault(parent_id if parent_id in known else None, []).append((span_id, told))
    found: list[_Figures] = []
    waiting = inner.get(None, [])
    while waiting:
        span_id, told = waiting.pop()
        if told:
            found.append(told)
        else:
            waiting += inner.get(span_id, [])
    return found


def _told(span: Span) -> _Told | None:
    given = span.attributes
    if _TELLING.isdisjoint(given):
        return None
    costs = {
        name: float(value)
        for name, value in _numbers(given.get(_COST_OF_SPAN), _COSTS).items()
        if abs(value) <= sys.float_info.max
    }
    usage = {
        name: int(value)
        for name, value in _numbers(_usage(given), (*_TOKENS, *_MORE_TOKENS)).items()
        if abs(value) < 1 << 53 and value == int(value)
    }
    model = next((name for key in _MODELS if (name := _name(given.get(key)))), None)
    provider = next((name for key in _PROVIDERS if (name := _name(given.get(key)))), None)
    if model is None and provider is None and not costs and not usage:
        return None
    return _Told(model, provider, costs, usage)


def _usage(given: Mapping[str, Any]) -> Any:
    """Return tokens as MLflow names them, or as OpenTelemetry does."""
    if _USAGE_OF_SPAN in given:
        return given[_USAGE_OF_SPAN]
    found = {name: given[key] for key, name in _OTEL_TOKENS.items() if key in given}
    counts = [found.get(name) for name in ("input_tokens", "output_tokens")]
    if all(type(count) is int for count in counts):
        found["total_tokens"] = sum(counts)
    return found


def _numbers(value: Any, names: Sequence[str]) -> dict[str, float]:
    if isinstance(value, str):
        if len(value) > _LONGEST_USAGE:
            return {}
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(value, dict):
        return {}
    given = ((name, value.get(name)) for name in names)
    return {n: v for n, v in given if isinstance(v, (int, float)) and not isinstance(v, bool)}


def _name(value: Any) -> str | None:
    return value[:_MAX_NAME] if isinstance(value, str) else None
