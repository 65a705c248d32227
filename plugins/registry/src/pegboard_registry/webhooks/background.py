"""What delivers beside the requests of a server, from its start to its end."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard import uris
from pegboard.errors import NotSupported, PegboardError
from pegboard_stores.location import locate
from pegboard_wire.registries import open_registry, registry_uri

from pegboard_registry.names import NAME

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_registry.webhooks.contract import DeliveryQueue
    from pegboard_registry.webhooks.deliverer import Deliverer

_AGAIN_SECONDS = 5.0
_ELSEWHERE = ("http", "https", "memory")
"""What has its own server, which delivers, or lasts no longer than this process."""
_FILES = ("sqlite", "file", uris.PLAIN_PATH)

_log = logging.getLogger(__name__)
_running: weakref.WeakKeyDictionary[Host, Background] = weakref.WeakKeyDictionary()


def announce(host: Host, event: str, data: Mapping[str, Any]) -> None:
    """Put an event in line for the webhooks of a server that runs in this process."""
    if (found := _running.get(host)) is not None:
        found.announce(event, data)


class Background:
    """Opens the registry of a server in a background thread, and delivers what waits in it.

    What opens and delivers is imported there too: a gateway without a store has no need of it.
    """

    def __init__(self, host: Host, tracking_uri: str | None, *, creates: bool = True) -> None:
        """Begin; without ``creates``, once there is a store on this machine."""
        self._host = host
        self._tracking_uri = tracking_uri
        self._creates = creates
        self._deliverer: Deliverer | None = None
        self._queue: DeliveryQueue | None = None
        self._stopping = threading.Event()
        self._looked = threading.Event()
        """Set when the registry is open, or it is known that there is none."""
        _running[host] = self
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the calls that are being made, and stop."""
        self._stopping.set()
        self._thread.join()
        if self._deliverer is not None:
            self._deliverer.close()

    def announce(self, event: str, data: Mapping[str, Any]) -> None:
        """Put an event in line, once the registry is open; nothing if it keeps no webhooks."""
        from pegboard_registry.webhooks import service

        self._looked.wait()
        queue = self._queue
        if queue is not None and queue.wants(event):
            queue.add(event, data)
            service.wake(queue)

    def _run(self) -> None:
        try:
            while not (self._stopping.is_set() or self._opened()):
                self._stopping.wait(_AGAIN_SECONDS)
        finally:
            self._looked.set()

    def _opened(self) -> bool:
        """Try to open the registry; return whether there is no more to try."""
        try:
            if not self._creates and (is_there := self._is_there()) is not True:
                self._looked.set()
                return is_there is None
            from pegboard_registry.webhooks import service
            from pegboard_registry.webhooks.contract import webhooks_of

            registry = open_registry(self._host, self._tracking_uri)
            webhooks = webhooks_of(registry)
            if webhooks is not None and webhooks.queue is not None:
                self._queue = webhooks.queue
                self._deliverer = service.start(self._queue, self._host.settings(NAME))
        except NotSupported:
            pass
        except PegboardError as error:
            _log.warning("Webhooks wait for the registry: %s", error)
            return False
        return True

    def _is_there(self) -> bool | None:
        """Return whether the registry can be opened without making it; None if it is a server's."""
        uri = uris.parse(registry_uri(self._host, self._tracking_uri))
        if uri.scheme in _ELSEWHERE:
            return None
        return uri.scheme not in _FILES or locate(uri, synchronous="full").file.exists()
