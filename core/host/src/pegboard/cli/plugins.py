"""``pegboard plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pegboard import builtin, distributions
from pegboard.cli import output
from pegboard.cli.faults import Review, review
from pegboard.cli.lazy import LazyGroup
from pegboard.cli.opening import open_host

if TYPE_CHECKING:
    from pegboard.plugin_calls import Plugin


@click.group(
    epilog=output.examples(
        "pegboard plugins", "pegboard plugins new my-store --kind tracking-store"
    ),
    cls=LazyGroup,
    invoke_without_command=True,
)
@output.json_option
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins, what they provide and whether they load.

    With PEGBOARD_TRACE_PLUGINS=1 in the environment any command tells on stderr of each call of a
    hook: which plugins answer it, and how long they take.
    """
    if ctx.invoked_subcommand is not None:
        return
    host = open_host(ctx)
    found = sorted(host.plugins.values(), key=lambda plugin: plugin.name)
    reviewed = review(host)
    if as_json:
        output.print_json([_described(plugin, reviewed) for plugin in found])
        return
    if {plugin.name for plugin in found} <= {builtin.NAME}:
        output.note(f"No plugin is installed. {distributions.first_step()}")
        return
    output.print_columns(
        ["Plugin", "State", "Distribution", "Version", "Takes"],
        [
            [p.name, reviewed.state(p), p.distribution or "-", p.version or "-", _takes(p)]
            for p in found
        ],
    )
    for plugin in found:
        click.echo()
        _print_details(plugin, reviewed)


def _takes(plugin: Plugin) -> str:
    """Return how long the import of a plugin and its hooks took together."""
    return milliseconds(sum(plugin.seconds.values())) if plugin.seconds else "-"


def milliseconds(seconds: float) -> str:
    """Return a short time."""
    return f"{seconds * 1000:.0f} ms"


def _described(plugin: Plugin, reviewed: Review) -> dict[str, object]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "state": reviewed.state(plugin),
        "error": plugin.error,
        "faults": reviewed.faults(plugin),
        "seconds": plugin.seconds,
        "slow": sorted(plugin.slow),
        "provides": [
            {"kind": kind, "name": name, "summary": summary}
            for kind, name, summary in plugin.provides
        ],
    }


def _print_details(plugin: Plugin, reviewed: Review) -> None:
    if plugin.error:
        output.heading(f"{plugin.name} failed to load")
        output.print_record([("error", plugin.error), ("module", plugin.module)], indent="  ")
        return
    if plugin.disabled:
        output.heading(f"{plugin.name} is disabled in the configuration ([pegboard] disabled)")
        return
    if not plugin.provides:
        output.heading(f"{plugin.name} has only hooks; it lists nothing by name")
        _print_faults(plugin, reviewed)
        return
    output.heading(f"{plugin.name} provides")
    _print_faults(plugin, reviewed)
    output.print_columns(["Kind", "Name", "What it is"], plugin.provides)


def _print_faults(plugin: Plugin, reviewed: Review) -> None:
    for fault in reviewed.faults(plugin):
        click.echo(output.clean(f"  fault: {fault}"))
    for what, seconds in plugin.slow.items():
        click.echo(f"  slow: {what} takes {milliseconds(seconds)}")
