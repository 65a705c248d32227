"""What delivers beside the requests of a server, from its start to its end."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard.errors import NotSupported, PegboardError
from pegboard_wire.registries import open_registry

from pegboard_registry.names import NAME
from pegboard_registry.webhooks import service
from pegboard_registry.webhooks.contract import webhooks_of

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_registry.webhooks.contract import DeliveryQueue
    from pegboard_registry.webhooks.deliverer import Deliverer

_AGAIN_SECONDS = 5.0

_log = logging.getLogger(__name__)
_running: weakref.WeakKeyDictionary[Host, Background] = weakref.WeakKeyDictionary()


def announce(host: Host, event: str, data: Mapping[str, Any]) -> None:
    """Put an event in line for the webhooks of a server that runs in this process."""
    if (found := _running.get(host)) is not None:
        found.announce(event, data)


class Background:
    """Opens the registry of a server in a background thread, and delivers what waits in it."""

    def __init__(self, host: Host, tracking_uri: str | None) -> None:
        """Begin."""
        self._host = host
        self._tracking_uri = tracking_uri
        self._deliverer: Deliverer | None = None
        self._queue: DeliveryQueue | None = None
        self._stopping = threading.Event()
        _running[host] = self
        self._thread = threading.Thread(target=self._open, name="webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the calls that are being made, and stop."""
        self._stopping.set()
        self._thread.join()
        if self._deliverer is not None:
            self._deliverer.close()

    def announce(self, event: str, data: Mapping[str, Any]) -> None:
        """Put an event in line, once the registry is open; nothing if it keeps no webhooks."""
        self._thread.join()
        queue = self._queue
        if queue is not None and queue.wants(event):
            queue.add(event, data)
            service.wake(queue)

    def _open(self) -> None:
        settings = self._host.settings(NAME)
        while not self._stopping.is_set():
            try:
                registry = open_registry(self._host, self._tracking_uri)
                webhooks = webhooks_of(registry)
                if webhooks is not None and webhooks.queue is not None:
                    self._queue = webhooks.queue
                    self._deliverer = service.start(self._queue, settings)
            except NotSupported:
                pass
            except PegboardError as error:
                _log.warning("Webhooks wait for the registry: %s", error)
                self._stopping.wait(_AGAIN_SECONDS)
                continue
            return
