"""What the commands of the gateway's configuration share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from pegboard.cli.opening import open_host

if TYPE_CHECKING:
    from pegboard_gateway.catalog.live import LiveCatalog

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def open_catalog(ctx: click.Context) -> LiveCatalog:
    """Return the catalog of the configuration; ConfigError if that is wrong."""
    from pegboard_gateway.catalog import live

    return live.catalog_of(open_host(ctx))


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be undone; a usage error if nobody is there to answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to ask; say so with --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort
