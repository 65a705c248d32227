"""Which model a span called, who sells it, and the tokens it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from pegboard_stores.traces.conventions.attributes import Attributes, first, whole
from pegboard_stores.traces.conventions.vendors import claude_usage

MODELS = (
    *("llm.response.model_name", "llm.model_name", "llm.request.model_name"),
    "embedding.model_name",
    *("gen_ai.response.model", "gen_ai.request.model"),
)
PROVIDERS = ("llm.provider", "gen_ai.provider.name", "gen_ai.system")
TOOLS = ("gen_ai.tool.definitions",)

_Usage: TypeAlias = dict[str, int]


@frozen
class _Counts:
    """The attributes of one convention that count tokens; the first that is there counts."""

    input: tuple[str, ...]
    output: tuple[str, ...]
    total: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        """Yield the names of attributes."""
        for each in (self.input, self.output, self.total, self.read, self.written):
            yield from each

    def read_from(self, given: Attributes) -> _Usage:
        """Return what they say, by the names that MLflow has for it."""
        found = {
            "input_tokens": _count(given, self.input),
            "output_tokens": _count(given, self.output),
            "total_tokens": _count(given, self.total),
        }
        if all(count is None for count in found.values()):
            return {}
        found["cache_read_input_tokens"] = _count(given, self.read)
        found["cache_creation_input_tokens"] = _count(given, self.written)
        return {name: count for name, count in found.items() if count is not None}


_OPEN_INFERENCE = _Counts(
    ("llm.token_count.prompt",),
    ("llm.token_count.completion",),
    ("llm.token_count.total",),
    ("llm.token_count.prompt_details.cache_read",),
    ("llm.token_count.prompt_details.cache_write",),
)
_GENERATIVE = _Counts(
    ("gen_ai.usage.input_tokens",),
    ("gen_ai.usage.output_tokens",),
    (),
    ("gen_ai.usage.cache_read.input_tokens",),
    ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
)
_TRACELOOP = _Counts(
    ("gen_ai.usage.prompt_tokens",),
    ("gen_ai.usage.completion_tokens",),
    ("llm.usage.total_tokens",),
)
_VOLTAGENT = _Counts(
    ("usage.prompt_tokens", "llm.usage.prompt_tokens"),
    ("usage.completion_tokens", "llm.usage.completion_tokens"),
    ("usage.total_tokens", "llm.usage.total_tokens"),
)
COUNTS = frozenset(
    name for each in (_OPEN_INFERENCE, _GENERATIVE, _TRACELOOP, _VOLTAGENT) for name in each.names()
)


def _count(given: Attributes, keys: tuple[str, ...]) -> int | None:
    counts = (whole(given[key]) for key in keys if key in given)
    return next((count for count in counts if count is not None), None)


def usage_of(given: Attributes) -> _Usage:
    """Return the tokens that a span took, by the first convention that tells some."""
    found = (
        _OPEN_INFERENCE.read_from(given)
        or _GENERATIVE.read_from(given)
        or claude_usage(given)
        or _TRACELOOP.read_from(given)
        or _VOLTAGENT.read_from(given)
    )
    if "total_tokens" not in found and {"input_tokens", "output_tokens"} <= found.keys():
        total = found["input_tokens"] + found["output_tokens"]
        # MLflow tells the total third.
        names = ("input_tokens", "output_tokens")
        rest = {name: count for name, count in found.items() if name not in names}
        return {**{name: found[name] for name in names}, "total_tokens": total, **rest}
    return found


def model_of(given: Attributes, *contents: Any) -> str | None:
    """Return the model's name: of the attributes, or the ``model`` of inputs or outputs."""
    named = first(given, MODELS)
    if isinstance(named, str):
        return named
    return model_in(*contents)


def model_in(*contents: Any) -> str | None:
    """Return the ``model`` that one of these names."""
    for content in contents:
        if isinstance(content, Mapping) and isinstance(content.get("model"), str):
            return content["model"] or None
    return None


def provider_of(given: Attributes) -> str | None:
    """Return who serves the model."""
    named = first(given, PROVIDERS)
    return named if isinstance(named, str) else None
