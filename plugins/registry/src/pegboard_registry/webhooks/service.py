"""The webhooks of a registry, and what delivers for them in this process."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from pegboard.errors import NotSupported

from pegboard_registry.store.sqlite import SqliteRegistry
from pegboard_registry.webhooks.deliverer import Deliverer
from pegboard_registry.webhooks.guard import Guard
from pegboard_registry.webhooks.sending import Sender
from pegboard_registry.webhooks.store import WebhookStore

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry

    from pegboard_registry.settings import Settings

_opened: weakref.WeakKeyDictionary[ModelRegistry, WebhookStore] = weakref.WeakKeyDictionary()
_delivering: weakref.WeakKeyDictionary[WebhookStore, Deliverer] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def webhooks_of(registry: ModelRegistry, settings: Settings) -> WebhookStore | None:
    """Return the webhooks of a registry; None if it is of a kind that keeps none."""
    found = _opened.get(registry)
    if found is None and isinstance(registry, SqliteRegistry):
        with _lock:
            if registry not in _opened:
                guard = Guard(settings.webhook_allow)
                sender = Sender(guard, settings.webhook_timeout_seconds)
                _opened[registry] = WebhookStore(registry.database, guard, sender)
            found = _opened[registry]
    return found


def need_webhooks(registry: ModelRegistry, settings: Settings) -> WebhookStore:
    """Return the webhooks of a registry; NotSupported if it keeps none."""
    found = webhooks_of(registry, settings)
    if found is None:
        raise NotSupported(
            "This model registry keeps no webhooks.", hint="One in a SQLite file does."
        )
    return found


def start(webhooks: WebhookStore, settings: Settings) -> Deliverer:
    """Begin to deliver in this process, until the deliverer is closed."""
    made = Deliverer(
        webhooks,
        webhooks.sender,
        attempts=settings.webhook_attempts,
        pause=settings.webhook_pause_seconds,
    )
    _delivering[webhooks] = made
    return made


def wake(webhooks: WebhookStore) -> None:
    """Have delivered at once what is due, if this process delivers; others look now and then."""
    if (deliverer := _delivering.get(webhooks)) is not None:
        deliverer.wake()
