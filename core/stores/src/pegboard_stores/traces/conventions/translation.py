"""One span, with what MLflow's attributes would say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import evolve
from pegboard.entities.traces import SPAN_TYPE, Span

from pegboard_stores.traces.conventions import contents, figures
from pegboard_stores.traces.conventions.attributes import (
    TAG,
    Attributes,
    first,
    is_read_out,
    parsed,
    told,
)
from pegboard_stores.traces.conventions.kinds import kind_of
from pegboard_stores.traces.conventions.vendors import is_gemini_cli, is_vercel_chat

Price: TypeAlias = Callable[[str, str | None, Mapping[str, int]], Mapping[str, float] | None]
"""What a model, its provider and counts of tokens come to: the figures of ``mlflow.llm.cost``."""

_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_USAGE, _TOOLS, _FORMAT = "mlflow.chat.tokenUsage", "mlflow.chat.tools", "mlflow.message.format"
_MODEL, _PROVIDER, _COST = "mlflow.llm.model", "mlflow.llm.provider", "mlflow.llm.cost"
_REQUEST = "mlflow.traceRequestId"

_TELLING = frozenset({
    *(name for name in (*contents.INPUTS, *contents.OUTPUTS) if isinstance(name, str)),
    *figures.MODELS, *figures.PROVIDERS, *figures.TOOLS, *figures.COUNTS,
    "openinference.span.kind", "traceloop.span.kind", "span.type", "entity.type",
    "lmnr.span.type", "langfuse.observation.type", "voltagent.operation_id",
    "voltagent.conversation_id",
})  # fmt: skip
_OWN = "mlflow."
_BEGINNINGS = (_OWN, "gen_ai.", "ai.", "lk.", *contents.LISTED)


def translated(span: Span, price: Price | None = None) -> Span:
    """Return a span with MLflow's attributes for what its own say by another convention.

    What the span has already is kept, and so is where it was read from. JSON in the text of one of
    MLflow's own attributes is read: OpenTelemetry's SDKs cannot send it otherwise.
    """
    given = span.attributes
    foreign = not _TELLING.isdisjoint(given) or _has_event(span)
    if not foreign:
        names = [key for key in given if key.startswith(_BEGINNINGS)]
        if not names:
            return span
        foreign = not all(name.startswith(_OWN) for name in names)
    known = _read_out(given)
    found = dict(_found(span, known) if foreign else _model(known))
    if found:
        known = {**known, **found}
    if price is not None and _COST not in known and (cost := _cost(known, price)):
        known = {**known, _COST: cost}
    return span if known is given else evolve(span, attributes=known)


def _has_event(span: Span) -> bool:
    return any(event.name in contents.EVENTS for event in span.events) if span.events else False


def _read_out(given: Attributes) -> Attributes:
    """Return attributes with those of MLflow read, all of them if MLflow's SDK wrote them so."""
    request = given.get(_REQUEST)
    if isinstance(request, str) and request.startswith('"'):
        return {
            key: parsed(value) if isinstance(value, str) and not key.startswith(TAG) else value
            for key, value in given.items()
        }
    changed = {
        key: read
        for key, value in given.items()
        if is_read_out(key) and (read := told(value)) is not value
    }
    return {**given, **changed} if changed else given


def _found(span: Span, given: Attributes) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of MLflow that a span has not, but its other attributes tell."""
    if given.get(SPAN_TYPE) in (None, "", "UNKNOWN") and (kind := kind_of(given)):
        yield SPAN_TYPE, kind
    inputs, outputs = given.get(_INPUTS), given.get(_OUTPUTS)
    if _INPUTS not in given and (inputs := _inputs(span, given)):
        yield _INPUTS, inputs
    if _OUTPUTS not in given and (outputs := _outputs(span, given)):
        yield _OUTPUTS, outputs
    if _USAGE not in given and (usage := figures.usage_of(given)):
        yield _USAGE, usage
    if _FORMAT not in given and (named := _format(given)):
        yield _FORMAT, named
    if _TOOLS not in given and (tools := first(given, figures.TOOLS)):
        yield _TOOLS, tools
    if _MODEL not in given and (model := figures.model_of(given, inputs, outputs)):
        yield _MODEL, model
    if _PROVIDER not in given and (provider := figures.provider_of(given)):
        yield _PROVIDER, provider


def _model(given: Attributes) -> Iterator[tuple[str, Any]]:
    """Yield the model that inputs or outputs of one of MLflow's own spans name."""
    if _MODEL not in given:
        model = figures.model_in(given.get(_INPUTS), given.get(_OUTPUTS))
        if model:
            yield _MODEL, model


def _inputs(span: Span, given: Attributes) -> Any:
    return (
        first(given, contents.INPUTS)
        or contents.asked_in(span.events)
        or contents.listed(given, "llm.input_messages")
    )


def _outputs(span: Span, given: Attributes) -> Any:
    return (
        first(given, contents.OUTPUTS)
        or contents.answered_in(span.events, given)
        or contents.listed(given, "llm.output_messages")
        or contents.documents(given)
    )


def _format(given: Attributes) -> str | None:
    """Return in which vendor's form inputs and outputs are, for pages that show chats."""
    if is_vercel_chat(given) and _INPUTS not in given:
        return "vercel_ai"
    if is_gemini_cli(given):
        return "gemini"
    if "voltagent.operation_id" in given or "voltagent.conversation_id" in given:
        return "voltagent"
    if any(key.startswith("lk.") for key in given):
        return "livekit"
    return "openai" if "lmnr.span.type" in given else None


def _cost(given: Attributes, price: Price) -> Mapping[str, float] | None:
    model, usage = given.get(_MODEL), given.get(_USAGE)
    if not isinstance(model, str) or not isinstance(usage, Mapping):
        return None
    provider = given.get(_PROVIDER)
    counts = {name: count for name, count in usage.items() if type(count) is int and count >= 0}
    return price(model, provider if isinstance(provider, str) else None, counts)
