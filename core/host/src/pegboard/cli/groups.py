"""Groups of commands that several plugins add to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import click
from attrs import evolve

from pegboard.cli.lazy import LazyGroup, loaded
from pegboard.errors import PluginError
from pegboard.hookspecs import Command


def grouped(commands: Iterable[Command]) -> dict[str, Command]:
    """Return commands by name; those named ``GROUP NAME`` are put into the group.

    The group is the command ``GROUP``, if one is declared, with these besides its own; its own win.
    """
    found: dict[str, Command] = {}
    parts: dict[str, list[Command]] = {}
    for command in commands:
        group, space, name = command.name.partition(" ")
        if space:
            parts.setdefault(group, []).append(evolve(command, name=name))
        else:
            found[group] = command
    for group, added in parts.items():
        own = found.get(group)
        names = ", ".join(sorted(command.name for command in added))
        summary = own.summary if own else f"Has the commands: {names}."
        found[group] = Command(group, partial(_group, group, own, added), summary)
    return found


def _group(name: str, own: Command | None, added: Sequence[Command]) -> click.Command:
    if own is None:
        return LazyGroup(name, declared=added)
    group = loaded(own)
    if not isinstance(group, click.Group):
        raise PluginError(
            f"The command {name!r} is no group, but others want to be in it: "
            f"{', '.join(command.name for command in added)}.",
            hint="Name one of the plugins in [host] disabled, in pegboard.toml.",
        )
    return LazyGroup(
        name,
        declared=added,
        commands=group.commands,
        callback=group.callback,
        params=group.params,
        help=group.help,
        epilog=group.epilog,
    )
