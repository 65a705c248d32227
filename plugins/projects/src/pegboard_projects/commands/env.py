"""``pegboard env``: the environments that were made for projects, and their removal."""

from __future__ import annotations

from pathlib import Path

import click
from pegboard import host
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard_stores.environments import commands

from pegboard_projects.environments import kept
from pegboard_projects.names import NAME


@click.group(epilog=output.examples("pegboard env list"))
@click.pass_context
def env(ctx: click.Context) -> None:
    """List and remove the environments that were made for projects.

    One that is removed is made again when it is needed.
    """
    commands.refuse_windows()
    open_host(ctx)


def _folder() -> Path:
    return kept.folder(host.current().settings(NAME))


commands.add_to(env, "pegboard env", _folder)
