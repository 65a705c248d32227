"""What ``pegboard doctor`` says of the gateway: whether its files can be served, and at what price.

To look opens no database and asks no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pegboard.errors import ConfigError
from pegboard.hookspecs import FAIL, OK, WARN, Finding

from pegboard_gateway.catalog import pricing
from pegboard_gateway.catalog.live import LiveCatalog

if TYPE_CHECKING:
    from pegboard.host import Host


def findings(host: Host) -> Iterator[Finding]:
    """Yield what is found of the endpoints that files configure; nothing if there are none."""
    catalog = LiveCatalog(host)
    settings = catalog.settings
    if not (settings.endpoints or settings.mlflow_config):
        return
    try:
        found = catalog.of_files(settings)
    except ConfigError as error:
        yield Finding("gateway", FAIL, error.message, error.hint)
        return
    yield Finding("gateway", OK, f"{len(found)} endpoints are configured")
    for warning in pricing.warnings(settings, found.values()):
        what, _, advice = warning.rpartition(". ")
        yield Finding("gateway prices", WARN, what, advice)
