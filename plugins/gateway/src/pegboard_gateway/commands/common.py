"""What the commands of the gateway's configuration share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from pegboard.cli.opening import open_host
from pegboard_stores.command_options import confirm as confirm
from pegboard_stores.command_options import yes_option as yes_option

if TYPE_CHECKING:
    from pegboard_gateway.catalog.live import LiveCatalog


def open_catalog(ctx: click.Context) -> LiveCatalog:
    """Return the catalog of the configuration; ConfigError if that is wrong."""
    from pegboard_gateway.catalog import live

    return live.catalog_of(open_host(ctx))
