"""What a call cost, as MLflow's traces tell it: US dollars for input, output and both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pegboard_llm.prices import Price, price_anywhere, price_of

_UNPRICED = ("gateway:/", "endpoints:/")
"""Names of places that pass calls on: their models are named by the spans behind them."""
_PROVIDERS = {
    "az.ai.openai": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "amazon_bedrock": "bedrock",
    "aws.bedrock": "bedrock",
    "aws_bedrock": "bedrock",
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "gcp.vertex_ai": "gemini",
    "google": "gemini",
    "google_genai": "gemini",
    "vertex_ai": "gemini",
    "mistral_ai": "mistral",
    "together_ai": "togetherai",
    "x_ai": "xai",
}
"""Names that OpenTelemetry's conventions and other libraries have for vendors."""


def cost_of(model: str, provider: str | None, usage: Mapping[str, int]) -> dict[str, float] | None:
    """Return ``input_cost``, ``output_cost`` and ``total_cost``; None if the price is not known.

    ``usage`` has the names of ``mlflow.chat.tokenUsage``; those of the cache are among the input's.
    """
    asked, answered = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    if not model or not asked + answered or model.startswith(_UNPRICED):
        return None
    found = _price(model, provider)
    if found is None:
        return None
    into, out = found.dollars(
        asked,
        answered,
        cached=usage.get("cache_read_input_tokens", 0),
        cache_write=usage.get("cache_creation_input_tokens", 0),
    )
    return {"input_cost": into, "output_cost": out, "total_cost": into + out}


@lru_cache(maxsize=4096)
def _price(model: str, provider: str | None) -> Price | None:
    bare = model.partition("/")[2] or model
    if provider:
        known = provider.lower()
        found = price_of(_PROVIDERS.get(known, known), bare)
        if found is not None:
            return found
    return price_anywhere(bare)
