"""The host and the configuration of one call of the command line."""

from __future__ import annotations

import atexit
import os
from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pegboard.config import Config
    from pegboard.host import Host

TRACKING_OPTION = "--tracking-uri"
"""The global option that names the store."""


def configuration(ctx: click.Context) -> Config:
    """Return the configuration that applies to this call, global options included."""
    from pegboard import config

    options = ctx.find_root().params
    environ = dict(os.environ)
    if options.get("config"):
        environ["PEGBOARD_CONFIG"] = options["config"]
    loaded = config.load(environ)
    uri = options.get("tracking_uri")
    return config.with_value(loaded, "tracking_uri", uri, TRACKING_OPTION) if uri else loaded


def open_host(ctx: click.Context, *, creates_stores: bool = False) -> Host:
    """Return the host for this call, and make it the one of this process.

    A store that is not there is an error, unless ``creates_stores``: then it is made.
    """
    from pegboard import host

    root = ctx.find_root()
    # A command may have named another file after its plugin was found by the first host.
    key = f"pegboard.host {root.params.get('config') or ''}"
    if key not in root.meta:
        if root.params.get("config") or root.params.get("tracking_uri"):
            host.use(host.Host(configuration(ctx)))
        root.meta[key] = host.current(report=False)
        # Registered before anything that a command imports, and so called after what that does.
        atexit.register(root.meta[key].close)
        root.meta[key].creates_stores = False
        # The host may be used further, by a script that called a command.
        root.call_on_close(partial(setattr, root.meta[key], "creates_stores", True))
    found: Host = root.meta[key]
    found.creates_stores = found.creates_stores or creates_stores
    return found
