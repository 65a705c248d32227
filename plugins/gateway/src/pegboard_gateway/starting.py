"""The gateway beside a server: begun with it, in each of its processes, and ended with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError
from pegboard_wire.registries import open_registry

from pegboard_gateway import service
from pegboard_gateway.catalog import judges, live
from pegboard_gateway.catalog.store import Store
from pegboard_gateway.controls import Controls
from pegboard_gateway.path import Calls
from pegboard_gateway.prompts import Prompts
from pegboard_gateway.usage.exceeded import Announcer
from pegboard_gateway.usage.traces import Tracer

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.host import Host

logger = logging.getLogger(__name__)


def begin(
    host: Host,
    workers: int = 1,
    mlflow_config: Path | None = None,
    tracking_uri: str | None = None,
) -> Callable[[], None]:
    """Serve the endpoints that are configured, and keep up with changes; return what ends it.

    ``mlflow_config`` is a YAML file of MLflow's gateway, in place of that of the settings.
    ``tracking_uri`` is the store that traces of calls go to; None: the configured one.

    A wrong configuration is told in the log, and nothing is served until it is mended: the server
    has other things to do than this.
    """
    catalog = live.LiveCatalog(host, mlflow_config)
    catalog.refresh()
    live.use(host, catalog)
    move_scorers(catalog.store, lambda: host.tracking_store(tracking_uri))
    controls = controls_of(host, catalog, workers)
    tracer = Tracer(lambda: host.tracking_store(tracking_uri))
    calls = Calls(
        catalog,
        controls,
        guard=controls.guards,
        scope=controls.callers.check,
        still=controls.callers.still,
        trace=tracer.add,
        prompts=Prompts(lambda: open_registry(host, tracking_uri)),
    )
    controls.guards.calls = calls
    gateway = service.Gateway(catalog, calls, controls.callers, controls)
    service.use(host, gateway)
    stop_watching = catalog.watch()

    def end() -> None:
        stop_watching()
        service.use(host, None)
        gateway.close()
        tracer.close()
        controls.close()
        catalog.close()

    return end


def move_scorers(store: Store, open_store: Callable[[], TrackingStore]) -> None:
    """Move scorers that are left in the gateway's database to the tracking store, if it can be."""
    if store.exists():
        try:
            judges.move(store.database, open_store)
        except PegboardError as error:
            logger.warning("The gateway cannot move its scorers to the tracking store: %s", error)


def controls_of(host: Host, catalog: live.LiveCatalog, workers: int) -> Controls:
    """Return what controls calls; it counts already if there is an endpoint.

    If it cannot begin to count, the log says why, and each call tries again.
    """
    made = Controls(host, catalog, lambda: catalog.settings, catalog.store.path, workers=workers)
    made.announcer = Announcer(host, catalog.store)
    if catalog.current.endpoints:
        try:
            made.start()
        except PegboardError as error:
            logger.error("The gateway cannot count calls, so it takes none: %s", error)  # noqa: TRY400
    return made
