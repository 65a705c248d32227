"""What spans say about language models: which one was called, tokens and cost."""

from __future__ import annotations

import json
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
COSTS = ("input_cost", "output_cost", "total_cost")
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
class Told:
    """What one span tells; figures by their names."""

    model: str | None
    provider: str | None
    costs: _Figures
    usage: _Figures


Node: TypeAlias = tuple[str, str | None, Told | None]
"""A span, the one it is within, and what it tells."""


def sums(nodes: Sequence[Node]) -> dict[str, str]:
    """Add up the usage of spans; that of a span includes its children's."""
    found: dict[str, str] = {}
    usage = _outermost([(own, above, told.usage if told else {}) for own, above, told in nodes])
    if usage:
        more = [key for key in _MORE_TOKENS if any(key in each for each in usage)]
        tokens = {key: sum(each.get(key, 0) for each in usage) for key in (*_TOKENS, *more)}
        found[TOKEN_USAGE] = json.dumps(tokens)
    costs = _outermost([(own, above, told.costs if told else {}) for own, above, told in nodes])
    if costs:
        paid = {key: sum((each.get(key, 0.0) for each in costs), 0.0) for key in COSTS}
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


def told_by(span: Span) -> Told | None:
    """Return what a span tells, None if it tells nothing."""
    given = span.attributes
    if _TELLING.isdisjoint(given):
        return None
    costs = {
        name: float(value)
        for name, value in _numbers(given.get(_COST_OF_SPAN), COSTS).items()
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
    return Told(model, provider, costs, usage)


def _usage(given: Mapping[str, Any]) -> Any:
    """Return tokens as MLflow names them, or as OpenTelemetry does."""
    if _USAGE_OF_SPAN in given:
        return given[_USAGE_OF_SPAN]
    found = {name: given[key] for key, name in _OTEL_TOKENS.items() if key in given}
    counts = [found.get(name) for name in ("input_tokens", "output_tokens")]
    if all(type(count) is int for count in counts):
        found["total_tokens"] = sum(counts)
    # Tokens of the cache are a part of the input's, and alone say nothing.
    return found if any(count is not None for count in counts) else {}


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
