"""``pegboard plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pegboard.cli import output
from pegboard.cli.lazy import LazyGroup
from pegboard.cli.shell import open_host
from pegboard.hookspecs import Command

if TYPE_CHECKING:
    from pegboard.host import Plugin


def _new() -> click.Command:
    from pegboard.cli.scaffold import new

    return new


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    declared=[Command("new", _new, "Start a plugin of your own: a directory that works.")],
)
@output.json_option
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins, what they provide and whether they load."""
    if ctx.invoked_subcommand is not None:
        return
    found = sorted(open_host(ctx).plugins.values(), key=lambda plugin: plugin.name)
    if as_json:
        output.print_json([_described(plugin) for plugin in found])
        return
    if not found:
        output.note("No plugin is installed. Try: pip install pegboard-tracking")
        return
    output.print_table(
        [
            output.Column("Plugin", style="bold"),
            output.Column("Distribution", optional=1),
            output.Column("Version", optional=1),
            output.Column("State", styles={"ok": "green", "error": "red", "disabled": "yellow"}),
        ],
        [[p.name, p.distribution or "-", p.version or "-", state(p)] for p in found],
    )
    for plugin in found:
        click.echo()
        _print_details(plugin)


def state(plugin: Plugin) -> str:
    """Return what became of a plugin: ok, disabled or error."""
    return "disabled" if plugin.disabled else "error" if plugin.error else "ok"


def _described(plugin: Plugin) -> dict[str, object]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "state": state(plugin),
        "error": plugin.error,
        "provides": [
            {"kind": kind, "name": name, "summary": summary}
            for kind, name, summary in plugin.provides
        ],
    }


def _print_details(plugin: Plugin) -> None:
    if plugin.error:
        output.heading(f"{plugin.name} failed to load")
        output.print_record([("error", plugin.error), ("module", plugin.module)], indent="  ")
        return
    if plugin.disabled:
        output.heading(f"{plugin.name} is disabled in the configuration ([host] disabled)")
        return
    if not plugin.provides:
        output.heading(f"{plugin.name} provides only hooks that act on runs")
        return
    output.heading(f"{plugin.name} provides")
    output.print_table(
        [output.Column("Kind"), output.Column("Name", style="bold"), output.Column("What it is")],
        plugin.provides,
    )
