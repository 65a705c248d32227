"""``pegboard models environments``: what ``--env-manager uv`` has built, and its removal."""

from __future__ import annotations

import sys
import time

import click
from pegboard.cli import output
from pegboard.errors import ConfigError
from pegboard_stores import formats, tables

from pegboard_serving.environments import kept
from pegboard_serving.environments.kept import Kept


@click.group(epilog=output.examples("pegboard models environments list"))
def environments() -> None:
    """List and remove the environments that --env-manager uv has built and keeps.

    One that is removed is built again when it is needed.
    """
    if sys.platform == "win32":  # pragma: no cover
        raise ConfigError("On Windows there are no environments: --env-manager is 'local' there.")


@environments.command("list", epilog=output.examples("pegboard models environments list"))
@output.json_option
def list_environments(as_json: bool) -> None:
    """List the environments, the one last used first."""
    found = kept.found()
    if as_json:
        output.print_json(found)
        return
    if not found:
        output.note("There are no environments.")
        return
    columns = [
        tables.Column("Name", style="bold"),
        tables.Column("Size", right=True),
        tables.Column("Used"),
        tables.Column("State", styles={"in use": "green", "incomplete": "yellow"}),
        tables.Column("Path", optional=1),
    ]
    rows = [
        [each.name, formats.size(each.size), formats.age(each.used), _state(each), each.path]
        for each in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


def _state(each: Kept) -> str:
    if each.in_use:
        return "in use"
    return "" if each.complete else "incomplete"


@environments.command(
    epilog=output.examples("pegboard models environments clean --older-than 30d --dry-run")
)
@click.option(
    "--older-than",
    metavar="TIME",
    help="Only environments last used at least this long ago: 30d, 12h, 1h30m.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@output.json_option
def clean(older_than: str | None, dry_run: bool, as_json: bool) -> None:
    """Remove the environments that no process uses."""
    limit = None if older_than is None else formats.parse_duration(older_than)
    old = [each for each in kept.found() if limit is None or _age(each) >= limit]
    gone = [each for each in old if not each.in_use and (dry_run or kept.remove(each))]
    staying = [each for each in old if each not in gone]
    if as_json:
        output.print_json({"dry_run": dry_run, "removed": gone, "in_use": staying})
        return
    word = "Would remove" if dry_run else "Removed"
    freed = formats.size(sum(each.size for each in gone))
    click.echo(f"{word} {formats.counted(len(gone), 'environment')}: {freed}.")
    if staying:
        click.echo(f"In use, so kept: {formats.counted(len(staying), 'environment')}.")


def _age(each: Kept) -> float:
    return time.time() - each.used / 1000
