"""Targets as calls use them: with what is looked up once for each configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define
from pegboard.contracts.llm import LLMError, LLMRequest, LocalProvider, Task
from pegboard_llm import estimate, prices
from pegboard_llm.estimate import BYTES_OF_TOKEN
from pegboard_llm.model_data import most_output

from pegboard_gateway.control.contract import GuardrailFailed
from pegboard_gateway.entities import Tokens
from pegboard_gateway.money import MOST_OF_ATTEMPT, Money
from pegboard_gateway.path.faults import reading
from pegboard_gateway.routing import State, Upstreams
from pegboard_gateway.upstream import UpstreamError

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import Catalog, Snapshot, Target
    from pegboard_gateway.settings import Breaker

_TOLD_SECONDS = 60.0
"""How long the log says nothing new of a server that fails again."""
_LIMITS = ("max_tokens", "max_completion_tokens")

logger = logging.getLogger(__name__)


@define(eq=False)
class Site:
    """A target, the state of its upstream, its price, and what it takes."""

    target: Target
    state: State
    price: prices.Price | None
    unsaid: int | None
    """The most tokens of one answer whose request does not limit it; None: not known."""
    longest: int | None
    """The most tokens of one answer of the model, whatever a request says; None: not known."""
    takes: Mapping[Task, frozenset[str]]
    is_local: bool
    reading: reading
    """Makes what the provider's code raises, but should not, garbage that it could not read."""
    told: float = -_TOLD_SECONDS
    """When the log said last what is wrong with the server."""

    def succeeded(self) -> None:
        """Note that a call has ended well; the log says when the upstream works again."""
        if self.state.is_open:
            logger.warning("%s answers again.", self._name())
        self.state.succeeded()

    def failed(self, error: LLMError, began: float, now: float, breaker: Breaker) -> None:
        """Note that a call which began at a time has failed; the log says when the breaker opens.

        The words of the vendor stay out of it: they may repeat what a user said. What this gateway
        has seen of its server is told, with the address, once in a while.
        """
        if isinstance(error, GuardrailFailed):
            self.state.left()
            return
        if isinstance(error, UpstreamError) and now - self.told >= _TOLD_SECONDS:
            self.told = now
            logger.warning("%s failed: %s", self._name(), error.seen)
        was_open = self.state.is_open
        self.state.failed(error.trouble, began, now, breaker, error.retry_after)
        if self.state.is_open and not was_open:
            what = "%s has failed %d times in a row, last with %s; it is left alone for %g s."
            failures, trouble = self.state.failures, error.trouble.value
            logger.warning(what, self._name(), failures, trouble, breaker.seconds)

    def _name(self) -> str:
        target = self.target
        return f"The target {target.key!r} ({target.provider}, {target.model_name})"

    def limited(self, body: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        """Return a body whose answer is no longer than the target's ``max_output_tokens``."""
        most = self.target.max_output_tokens
        if most is None or task is Task.EMBEDDING:
            return body
        said = body.get("max_completion_tokens") or body.get("max_tokens")
        if said and said <= most:
            return body
        taken = self.takes[task]
        for field in _LIMITS:
            if field in taken:
                return {**{k: v for k, v in body.items() if k not in _LIMITS}, field: most}
        return body

    def longest_answer(self, request: LLMRequest, *, is_passed: bool) -> int | None:
        """Return the most tokens that an answer can have; None if nobody knows."""
        # What is passed on as it is does not hear what the provider would say.
        unsaid = self.longest if is_passed else self.unsaid
        return estimate.most_output(request, unsaid, self.longest)

    def most(self, prompt: int, output: int) -> Money | None:
        """Return what a call costs at most; None if the price is not known.

        ``prompt`` is an estimate. No token has less than a byte of text, so no tokenizer makes more
        of it than BYTES_OF_TOKEN times that.
        """
        if self.price is None:
            return 0 if self.is_local else None
        return min(self.price.most(BYTES_OF_TOKEN * prompt, output), MOST_OF_ATTEMPT)

    @property
    def is_paid_by_length(self) -> bool:
        """Whether longer answers cost more."""
        return self.price is not None and self.price.output > 0

    def cost(self, tokens: Tokens) -> Money | None:
        """Return what tokens cost; None if nobody knows."""
        if self.price is None:
            return None if tokens.total and not self.is_local else 0
        cost = self.price.cost(
            tokens.input, tokens.output, cached=tokens.cached, cache_write=tokens.cache_write
        )
        return min(cost, MOST_OF_ATTEMPT)


class Sites:
    """The sites of the configuration in force."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._upstreams = Upstreams()
        self._of: dict[Target, Site] = {}
        self._made_for: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Return the configuration in force."""
        found = self._catalog.current
        if found is not self._made_for:
            self._made_for = found
            targets = [t for endpoint in found.endpoints.values() for t in endpoint.targets]
            self._upstreams.renew(targets)
            self._of = {t: self._site(t, self._upstreams.of(t)) for t in targets}
        return found

    def of(self, target: Target) -> Site:
        """Return the site of a target; one of an older configuration is made anew."""
        return self._of.get(target) or self._site(target, self._upstreams.as_it_is(target))

    def state(self, target: Target) -> State | None:
        """Return how the upstream of a target is; None if nothing is known. For any thread."""
        return self._upstreams.known(target)

    def _site(self, target: Target, state: State) -> Site:
        price = target.price
        return Site(
            target,
            state,
            prices.price_of(target.provider, target.model_name)
            if price is None
            else prices.Price(
                input=price.input, output=price.output, cached_input=price.cached_input
            ),
            target.longest_answer,
            most_output(target.provider, target.model_name),
            target.model.takes_of(target.model_name),
            isinstance(target.model, LocalProvider),
            reading(target.provider),
        )
