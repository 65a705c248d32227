"""What delivers for the webhooks of a registry in this process."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from pegboard_registry.webhooks.deliverer import Deliverer
from pegboard_registry.webhooks.guard import Guard
from pegboard_registry.webhooks.sending import Sender

if TYPE_CHECKING:
    from pegboard_registry.settings import Settings
    from pegboard_registry.webhooks.contract import DeliveryQueue

_delivering: weakref.WeakKeyDictionary[DeliveryQueue, Deliverer] = weakref.WeakKeyDictionary()


def sender_of(settings: Settings) -> Sender:
    """Return what makes calls as the settings allow."""
    return Sender(Guard(settings.webhook_allow), settings.webhook_timeout_seconds)


def start(queue: DeliveryQueue, settings: Settings) -> Deliverer:
    """Begin to deliver in this process, until the deliverer is closed."""
    made = Deliverer(
        queue,
        sender_of(settings),
        attempts=settings.webhook_attempts,
        pause=settings.webhook_pause_seconds,
    )
    _delivering[queue] = made
    return made


def wake(queue: DeliveryQueue) -> None:
    """Have delivered at once what is due, if this process delivers; others look now and then."""
    if (deliverer := _delivering.get(queue)) is not None:
        deliverer.wake()
