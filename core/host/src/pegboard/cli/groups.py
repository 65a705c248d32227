"""Groups of commands that several plugins add to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import click
from attrs import evolve

from pegboard.cli.lazy import Entry, LazyGroup, loaded
from pegboard.errors import PluginError
from pegboard.hookspecs import Command


def grouped(commands: Mapping[str, Command | PluginError]) -> dict[str, Entry]:
    """Return commands by name; those named ``GROUP NAME`` are put into the group.

    The group is the command ``GROUP``, if one is declared, with these besides its own; its own win.
    """
    found: dict[str, Entry] = {}
    parts: dict[str, list[Entry]] = {}
    for whole, command in commands.items():
        entry = _entry(whole, command)
        group, space, name = whole.partition(" ")
        if space:
            parts.setdefault(group, []).append(evolve(entry, name=name))
        else:
            found[group] = entry
    for group, added in parts.items():
        own = found.get(group)
        names = ", ".join(sorted(entry.name for entry in added))
        summary = own.summary if own else f"Has the commands: {names}."
        found[group] = Entry(group, partial(_group, group, own, added), summary)
    return found


def _entry(name: str, command: Command | PluginError) -> Entry:
    if not isinstance(command, PluginError):
        return Entry.of(command)

    def refuse() -> NoReturn:
        raise command

    return Entry(name, refuse, command.message)


def _group(name: str, own: Entry | None, added: Sequence[Entry]) -> click.Command:
    if own is None:
        return LazyGroup(name, declared=added)
    group = loaded(own)
    if not isinstance(group, click.Group):
        raise PluginError(
            f"The command {name!r} is not a group, but other plugins add commands to it: "
            f"{', '.join(command.name for command in added)}.",
            hint="Name one of the plugins in [pegboard] disabled, in pegboard.toml.",
        )
    entries = group.entries if isinstance(group, LazyGroup) else ()
    return LazyGroup(
        name,
        declared=[*added, *entries],
        invoke_without_command=group.invoke_without_command,
        no_args_is_help=group.no_args_is_help,
        commands=group.commands,
        callback=group.callback,
        params=group.params,
        help=group.help,
        epilog=group.epilog,
    )
