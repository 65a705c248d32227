"""What tokens cost: the vendors' list prices as data, and what a configuration puts in their place.

Money is whole nano-dollars, rounded up, so that no sum is too small. The table holds standard
prices by model; it knows no discounts for batches and no tiers of service. Other prices than these
are said in the configuration. Each price names its source, which says where it is from and when it
was looked at; a price that nobody could confirm is not in the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import orjson
from attrs import field, frozen, validators

ANY = "*"
"""The name of the model whose price holds for all that have none of their own."""

_PICO = 1_000_000  # A dollar for a million tokens is a million pico-dollars for one.
_ENDINGS = re.compile(r"(-\d{4}-\d\d-\d\d|[-@]\d{8}|-latest|:latest|-\d{3}|-v\d+(:\d+)?|:\d+)$")
_REGION = re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\.")
_EVERYWHERE = "global"
_RATES = ("input", "output", "cached_input", "cache_write")
SOURCES = "sources"
"""The key of the table's sources, which is no provider."""
_VENDORS = {"google": "gemini", "mistralai": "mistral", "x-ai": "xai", "meta-llama": "togetherai"}
"""OpenRouter's names of vendors, where they differ from ours."""


def _dollars() -> Any:
    return field(default=None, validator=validators.optional(validators.ge(0)))


@frozen(kw_only=True)
class Rates:
    """US dollars for a million tokens. What has no price of its own costs as ``input`` does."""

    input: float = field(default=0.0, validator=validators.ge(0))
    output: float = field(default=0.0, validator=validators.ge(0))
    cached_input: float | None = _dollars()
    """Of tokens that the vendor had in its cache."""
    cache_write: float | None = _dollars()
    """Of tokens that the vendor put into its cache."""


@frozen(kw_only=True)
class LongPrompt(Rates):
    """What all tokens of a call cost whose prompt has more than ``above`` tokens."""

    above: int = field(default=0, validator=validators.ge(0))


@frozen(kw_only=True)
class Price(Rates):
    """What a model's tokens cost."""

    long: LongPrompt | None = None

    def cost(
        self, prompt: int, completion: int = 0, *, cached: int = 0, cache_write: int = 0
    ) -> int:
        """Return nano-dollars for counts of tokens; the cached and written are of the prompt."""
        rates = self.long if self.long is not None and prompt > self.long.above else self
        plain = max(prompt - cached - cache_write, 0)
        pico = (
            plain * _pico(rates.input)
            + completion * _pico(rates.output)
            + cached * _pico(rates.input if rates.cached_input is None else rates.cached_input)
            + cache_write * _pico(rates.input if rates.cache_write is None else rates.cache_write)
        )
        return -(-pico // 1000)


def price(
    provider: str, model: str, usage: Mapping[str, Any], overrides: Price | None = None
) -> int | None:
    """Return what a call cost, in nano-dollars; None if the price is not known.

    ``usage`` is that of an answer; ``overrides`` goes before the table.
    """
    found = overrides or price_of(provider, model)
    if found is None:
        return None
    details = usage.get("prompt_tokens_details") or {}
    return found.cost(
        usage.get("prompt_tokens") or 0,
        usage.get("completion_tokens") or 0,
        cached=details.get("cached_tokens") or 0,
        cache_write=details.get("cache_write_tokens") or 0,
    )


@lru_cache(maxsize=4096)
def price_of(provider: str, model: str) -> Price | None:
    """Return the list price of a vendor's model; None if the table has none.

    The date of a version is not looked at unless the table has that version: new versions of a
    model cost the same, and where they do not the table names them.
    """
    table = _table().get(provider) if provider != SOURCES else None
    if isinstance(table, list):
        # It sells what several vendors make, for what they take themselves.
        found = (price_of(vendor, model) for vendor in table)
        return next((each for each in found if each is not None), None)
    if not isinstance(table, dict):
        return None
    name = model.removeprefix("models/")
    for candidate in _candidates(name):
        if candidate in table:
            return _made(table[candidate], _REGION.match(name))
    if provider == "openrouter" and "/" in name:
        vendor, _, rest = name.partition("/")
        return price_of(_VENDORS.get(vendor, vendor), rest.partition(":")[0])
    return _made(table[ANY]) if ANY in table else None


def _made(said: Mapping[str, Any], region: re.Match[str] | None = None) -> Price:
    """Return a price of the table; ``regional`` is what those of one region are multiplied by."""
    factor = said.get("regional", 1) if region and region[1] != _EVERYWHERE else 1
    rates = {key: round(said[key] * factor, 6) for key in _RATES if key in said}
    if long := said.get("long"):
        more = {key: round(long[key] * factor, 6) for key in _RATES if key in long}
        return Price(**rates, long=LongPrompt(above=long["above"], **more))
    return Price(**rates)


def _candidates(name: str) -> list[str]:
    """Return a model's name, and what is left without region, version and date."""
    found = [name, _REGION.sub("", name)]
    while (shorter := _ENDINGS.sub("", found[-1])) != found[-1]:
        found.append(shorter)
    return found


@cache
def _table() -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(
        resources.files("pegboard_llm").joinpath("prices.json").read_bytes()
    )
    return made


@lru_cache(maxsize=1024)
def _pico(dollars: float) -> int:
    return round(dollars * _PICO)
