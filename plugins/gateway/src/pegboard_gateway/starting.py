"""The gateway beside a server: begun with it, in each of its processes, and ended with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard_gateway import service
from pegboard_gateway.catalog import live
from pegboard_gateway.path import Calls

if TYPE_CHECKING:
    from pegboard.host import Host


def begin(host: Host) -> Callable[[], None]:
    """Serve the endpoints that are configured, and keep up with changes; return what ends it.

    A wrong configuration is told in the log, and nothing is served until it is mended: the server
    has other things to do than this.
    """
    catalog = live.LiveCatalog(host)
    catalog.refresh()
    live.use(host, catalog)
    gateway = service.Gateway(catalog, Calls(catalog))
    service.use(host, gateway)
    stop_watching = catalog.watch()

    def end() -> None:
        stop_watching()
        service.use(host, None)
        gateway.close()
        catalog.close()

    return end
