"""``pegboard models environments``: what ``--env-manager uv`` has built, and its removal."""

from __future__ import annotations

import click
from pegboard.cli import output
from pegboard_stores.environments import commands

from pegboard_serving.environments import build


@click.group(epilog=output.examples("pegboard models environments list"))
def environments() -> None:
    """List and remove the environments that --env-manager uv has built and keeps.

    One that is removed is built again when it is needed.
    """
    commands.refuse_windows()


commands.add_to(environments, "pegboard models environments", build.folder)
