"""The endpoints in force, as the path of a call reads them: one immutable snapshot at a time.

A snapshot is made whole and swapped in by one assignment. A call that has taken one keeps it to
its end, whatever is changed meanwhile.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from attrs import field, frozen
from pegboard.contracts.llm import Model, Task
from pegboard_llm.model_data import most_output

from pegboard_gateway.entities import TargetKey
from pegboard_gateway.settings import (
    Breaker,
    Budget,
    Cache,
    Guardrail,
    Limit,
    Price,
    Retries,
    Routing,
    Timeouts,
    Trace,
)


@frozen(eq=False)
class Target:
    """One model behind an endpoint."""

    key: TargetKey
    """``ENDPOINT/NUMBER``, numbered from 0 in the order of the configuration."""
    provider: str
    """The name of the provider."""
    model_name: str
    """The vendor's name of the model."""
    model: Model = field(repr=False)
    """What speaks the vendor's form: an LLMProvider or a LocalProvider, made once."""
    weight: float = 1.0
    """Its share of the calls among targets of the same ``fallback_order``; 0: none."""
    fallback_order: int = 0
    """0: a first choice; others are tried after those with lower numbers have failed."""
    price: Price | None = None
    """In place of the price in the shipped table."""
    max_parallel: int | None = None
    max_output_tokens: int | None = None
    """What answers are limited to, where the client asks for no less."""
    allowed_hosts: tuple[str, ...] = ("*",)
    """Hosts beyond the public internet that it may call: ``*`` for any, as the owner of the
    configuration file decides alone; else names and addresses, each with or without a port."""

    @property
    def longest_answer(self) -> int | None:
        """The most tokens of one answer that its request does not limit; None: not known.

        As configured, as the provider says where the request does not, or as the model has it.
        """
        return (
            self.max_output_tokens
            or self.model.output_limit(self.model_name)
            or most_output(self.provider, self.model_name)
        )


@frozen(eq=False)
class GatewayEndpoint:
    """A name that clients ask for, and all that holds for it."""

    name: str
    targets: tuple[Target, ...]
    task: Task | None = None
    """None: all tasks that its models can do."""
    routing: Routing = field(factory=Routing)
    retries: Retries = field(factory=Retries)
    breaker: Breaker = field(factory=Breaker)
    timeouts: Timeouts = field(factory=Timeouts)
    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    cache: Cache | None = None
    """None: nothing is cached."""
    guardrails: tuple[Guardrail, ...] = ()
    trace: Trace | None = None
    """None: calls are not traced."""
    tags: Mapping[str, str] = field(factory=dict)
    prompt: str = ""
    """The prompt that calls are filled into: ``NAME@ALIAS``, ``NAME/VERSION`` or ``NAME``; empty:
    calls go as they come."""
    proxy: tuple[str, ...] = ()
    """Paths of the vendors' APIs that may be called as they are."""
    source: str = ""
    """Where it is configured: a file, or ``database``."""


@frozen(eq=False)
class Snapshot:
    """All endpoints at one moment."""

    endpoints: Mapping[str, GatewayEndpoint] = field(factory=dict)
    revision: int = 0
    """Grows by one with each change."""
    keeps_answers: bool = field(init=False)
    """Whether any endpoint has a cache."""

    @keeps_answers.default
    def _find_out(self) -> bool:
        return any(endpoint.cache is not None for endpoint in self.endpoints.values())


class Catalog(ABC):
    """Holds the endpoints in force."""

    current: Snapshot
    """The snapshot in force; reading it takes no lock."""

    @abstractmethod
    def reload(self) -> None:
        """Read the configuration anew.

        Raises ConfigError for what is wrong; then the endpoints in force stay as they are.
        """


class FixedCatalog(Catalog):
    """A catalog of endpoints that do not change, for tests and scripts."""

    def __init__(self, *endpoints: GatewayEndpoint) -> None:
        self.current = Snapshot({each.name: each for each in endpoints}, 1)

    def reload(self) -> None:
        """Change nothing."""
