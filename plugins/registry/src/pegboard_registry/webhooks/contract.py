"""The contract of webhooks: an ability that a registry has if its ``ability(Webhooks)`` says so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.entities import Page
from pegboard.errors import NotFound, NotSupported, quoted

from pegboard_registry.webhooks.entities import Delivery, TestResult, Webhook, WebhookStatus

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry

PAGE = 100
"""How many webhooks or deliveries are listed by default."""

LIMIT = 1000
"""The largest page."""


@frozen
class Claim:
    """A delivery that this process is to make; ``attempt`` counts from 1."""

    number: int
    delivery_id: str
    webhook_id: str
    payload: str
    attempt: int


class DeliveryQueue(ABC):
    """What waits to be delivered: kept beside the registry until it was delivered or given up."""

    @abstractmethod
    def changing(self) -> AbstractContextManager[object]:
        """Begin a transaction that what the registry changes and ``add`` puts in line share."""

    @abstractmethod
    def has_listeners(self) -> bool:
        """Whether there is an active webhook."""

    @abstractmethod
    def wants(self, *events: str) -> bool:
        """Whether an active webhook asks for one of these events."""

    @abstractmethod
    def add(self, event: str, data: Mapping[str, Any]) -> None:
        """Put an event in line for every active webhook that asks for it."""

    @abstractmethod
    def next_due(self) -> int | None:
        """Return when the next delivery is due, in ms; None if nothing waits."""

    @abstractmethod
    def claim(self, seconds: float) -> Claim | None:
        """Take the delivery that is due the longest, for so long; None if there is none.

        To one webhook goes one delivery at a time.
        """

    @abstractmethod
    def finish(
        self, claim: Claim, *, delivered: bool, status: int | None, error: str | None
    ) -> None:
        """Note that a delivery was made, or is given up."""

    @abstractmethod
    def postpone(
        self, claim: Claim, seconds: float, *, status: int | None, error: str | None
    ) -> None:
        """Note that a delivery is to be tried again after a while."""

    @abstractmethod
    def secret_of(self, webhook_id: str) -> tuple[str, str | None]:
        """Return the URL and the secret of a webhook, for a call; NotFound."""


class Webhooks(ABC):
    """The webhooks of a registry. Unknown ids raise NotFound."""

    @property
    def queue(self) -> DeliveryQueue | None:
        """What waits to be delivered from here; None if another server delivers."""
        return None

    @abstractmethod
    def create(
        self,
        name: str,
        url: str,
        events: Iterable[str],
        *,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus = WebhookStatus.ACTIVE,
    ) -> Webhook:
        """Create a webhook. With a secret, its calls are signed."""

    @abstractmethod
    def get(self, webhook_id: str) -> Webhook:
        """Return a webhook."""

    @abstractmethod
    def list(self, *, max_results: int = PAGE, page_token: str | None = None) -> Page[Webhook]:
        """Return webhooks, the last created first."""

    @abstractmethod
    def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Change what is not None. An empty secret or description takes it away."""

    @abstractmethod
    def delete(self, webhook_id: str) -> None:
        """Remove a webhook, what waits for it, and its log."""

    @abstractmethod
    def test(self, webhook_id: str, event: str | None = None) -> TestResult:
        """Call a webhook with an example, of its first event if none is given, and wait."""

    @abstractmethod
    def deliveries(
        self, webhook_id: str, *, max_results: int = PAGE, page_token: str | None = None
    ) -> Page[Delivery]:
        """Return past and pending deliveries of a webhook, the last first."""


def webhooks_of(registry: ModelRegistry) -> Webhooks | None:
    """Return the webhooks of a registry; None if it keeps none."""
    return registry.ability(Webhooks)


def need_webhooks(registry: ModelRegistry) -> Webhooks:
    """Return the webhooks of a registry; NotSupported if it keeps none."""
    found = webhooks_of(registry)
    if found is None:
        raise NotSupported(
            "This model registry keeps no webhooks.", hint="One in a SQLite file does."
        )
    return found


def no_webhook(webhook_id: str) -> NotFound:
    """No webhook has this id."""
    return NotFound(f"There is no webhook with the id {quoted(webhook_id)}.").about(
        "no_webhook", webhook_id=webhook_id
    )
