"""``list`` and ``clean`` of groups of commands, for environments that are kept in a directory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from pegboard.cli import output
from pegboard.errors import ConfigError

from pegboard_stores import formats, tables
from pegboard_stores.environments import kept
from pegboard_stores.environments.kept import Kept


def refuse_windows() -> None:
    """Refuse to go on where environments cannot be held."""
    if sys.platform == "win32":  # pragma: no cover
        raise ConfigError("On Windows there are no environments: --env-manager is 'local' there.")


def add_to(group: click.Group, name: str, folder: Callable[[], Path]) -> None:
    """Add ``list`` and ``clean`` to a group, which is called by ``name``."""

    @group.command("list", epilog=output.examples(f"{name} list"))
    @output.json_option
    def list_environments(as_json: bool) -> None:
        """List the environments, the one last used first."""
        _list(kept.found(folder()), as_json)

    @group.command("clean", epilog=output.examples(f"{name} clean --older-than 30d --dry-run"))
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
        old = [each for each in kept.found(folder()) if limit is None or _age(each) >= limit]
        _clean(old, dry_run, as_json)


def _list(found: list[Kept], as_json: bool) -> None:
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


def _clean(old: list[Kept], dry_run: bool, as_json: bool) -> None:
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
