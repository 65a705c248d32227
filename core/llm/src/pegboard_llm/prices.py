"""What tokens cost: the vendors' list prices as data, and what a configuration puts in their place.

Money is whole nano-dollars, rounded up, so that no sum is too small. The table holds standard
prices by model; it knows no discounts for batches and no tiers of service. Other prices than these
are said in the configuration. Each price names its source, which says where it is from and when it
was looked at; a price that nobody could confirm is not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from attrs import field, frozen, validators

from pegboard_llm.model_data import ANY, look_up, read, region_of

_PICO = 1_000_000  # A dollar for a million tokens is a million pico-dollars for one.
_PICOS = 1_000_000_000_000
_EVERYWHERE = "global"
_RATES = ("input", "output", "cached_input", "cache_write")
SOURCES = "sources"
"""The key of the table's sources, which is no provider."""


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
    pico: tuple[int, int, int, int] = field(init=False, eq=False, repr=False)
    """Pico-dollars for a token of input, output, cached and written input."""

    @pico.default
    def _in_pico(self) -> tuple[int, int, int, int]:
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        return _pico(self.input), _pico(self.output), _pico(cached), _pico(written)


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
        return -(-sum(self._pico(prompt, completion, cached, cache_write)) // 1000)

    def dollars(
        self, prompt: int, completion: int = 0, *, cached: int = 0, cache_write: int = 0
    ) -> tuple[float, float]:
        """Return dollars for what went in and for what came out, not rounded up."""
        into, out = self._pico(prompt, completion, cached, cache_write)
        return into / _PICOS, out / _PICOS

    def _pico(self, prompt: int, completion: int, cached: int, cache_write: int) -> tuple[int, int]:
        rates = self.long if self.long is not None and prompt > self.long.above else self
        plain = max(prompt - cached - cache_write, 0)
        of_input, of_output, of_cached, of_written = rates.pico
        into = plain * of_input + cached * of_cached + cache_write * of_written
        return into, completion * of_output

    def most(self, prompt: int, completion: int) -> int:
        """Return the most nano-dollars that so many tokens may cost."""
        plain = self.cost(prompt, completion)
        if self.cache_write is None:
            return plain
        return max(plain, self.cost(prompt, completion, cache_write=prompt))


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

    The date of a version is not looked at unless the table has that version.
    """
    if provider == SOURCES:
        return None
    said = look_up("prices.json", provider, model)
    return None if said is None else _made(said, region_of(model))


@lru_cache(maxsize=4096)
def price_anywhere(model: str) -> Price | None:
    """Return the price of the first vendor that lists a model; None if no vendor does."""
    every = read("prices.json")
    tables = [name for name, of in every.items() if isinstance(of, dict) and ANY not in of]
    return next((found for name in tables if (found := price_of(name, model))), None)


def _made(said: Mapping[str, Any], region: str) -> Price:
    """Return a price of the table; ``regional`` is what those of one region are multiplied by."""
    factor = said.get("regional", 1) if region and region != _EVERYWHERE else 1
    rates = {key: round(said[key] * factor, 6) for key in _RATES if key in said}
    if long := said.get("long"):
        more = {key: round(long[key] * factor, 6) for key in _RATES if key in long}
        return Price(**rates, long=LongPrompt(above=long["above"], **more))
    return Price(**rates)


def _pico(dollars: float) -> int:
    return round(dollars * _PICO)
