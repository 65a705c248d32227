"""``pegboard registry``: the history, rolling back, approving."""

from __future__ import annotations

from functools import partial

import click
from pegboard import host, paging
from pegboard.cli import output
from pegboard.entities.registry import ChangeKind, RegistryChange
from pegboard_stores import formats, tables

from pegboard_registry.commands import common
from pegboard_registry.commands.webhooks import webhooks
from pegboard_registry.names import NAME

_PAGE = 1000


@click.group(epilog=output.examples("pegboard registry history iris"))
def registry() -> None:
    """Show the history of registered models, roll back, approve."""


registry.add_command(webhooks)


@registry.command(epilog=output.examples("pegboard registry history iris@champion"))
@click.argument("model", metavar="NAME[/VERSION]|NAME@ALIAS")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in ChangeKind]),
    help="Only changes of this kind; may be repeated.",
)
@common.limit_option(100)
@output.json_option
def history(model: str, kinds: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Show who changed what of a registered model, when and why, the last first.

    With a version or an alias, only what happened to it.
    """
    version, key = None, None
    if "@" in model:
        model, key = common.alias_of(model)
    elif common.names_version(model):
        model, _, version = model.removeprefix("models:/").rpartition("/")
    found = partial(
        common.client().registry_history,
        model,
        min(limit + 1, _PAGE),
        kinds=kinds,
        version=version,
        key=key,
    )
    common.print_found(
        paging.items(found),
        limit,
        as_json,
        [
            tables.Column("No.", right=True, optional=4),
            tables.Column("When"),
            tables.Column("Change", style="bold", most=60),
            tables.Column("By", most=16),
            tables.Column("Why", optional=1, most=40),
            tables.Column("Detail", optional=3),
        ],
        _row,
        "Nothing has changed.",
    )


def _row(change: RegistryChange) -> list[object]:
    return [
        change.number,
        formats.moment(change.timestamp),
        describe(change),
        change.user or "-",
        change.reason,
        _detail(change),
    ]


def describe(change: RegistryChange) -> str:
    """Say what a change was in a few words."""
    before, after = change.before or "-", change.after or "-"
    if change.kind is ChangeKind.VERSION:
        if change.after is None:
            return f"version {change.version} deleted"
        return f"version {change.version} created"
    if change.kind is ChangeKind.ALIAS:
        back = " (rolled back)" if change.undoes is not None else ""
        return f"@{change.key}: {before} → {after}{back}"
    if change.kind is ChangeKind.STAGE:
        return f"version {change.version}: {before} → {after}"
    if change.kind is ChangeKind.APPROVAL:
        taken = "approval taken back for" if change.after is None else "approved for"
        return f"version {change.version} {taken} {change.key}"
    return "deleted" if change.after is None else f"renamed from {before} to {after}"


def _detail(change: RegistryChange) -> str:
    if change.kind is ChangeKind.VERSION:
        return f"source: {change.after or change.before}"
    return "" if change.undoes is None else f"takes back no. {change.undoes}"


@registry.command(
    epilog=output.examples("pegboard registry rollback iris@champion --reason 'worse on Mondays'")
)
@click.argument("alias", metavar="NAME@ALIAS")
@common.reason_option
@output.json_option
def rollback(alias: str, reason: str, as_json: bool) -> None:
    """Take the last move of an alias back.

    One after the other, rollbacks take back one move after the other. Versions that were deleted
    meanwhile are passed over.
    """
    client = common.client()
    name, key = common.alias_of(alias)
    before = client.get_registered_model(name).aliases.get(key, "none")
    version = client.rollback_registered_model_alias(name, key, reason=reason)
    message = f"{name}@{key} is version {version.version} again (before: {before})."
    common.done(version, as_json, message)


@registry.command(epilog=output.examples("pegboard registry approve iris/3 champion"))
@click.argument("version", metavar=common.VERSION)
@click.argument("key", metavar="ALIAS|STAGE")
@click.option("--withdraw", is_flag=True, help="Take your approval back.")
@common.reason_option
@output.json_option
def approve(version: str, key: str, withdraw: bool, reason: str, as_json: bool) -> None:
    """Approve a version for an alias or a stage."""
    client = common.client()
    found = common.version_of(client, version)
    client.approve_model_version(found.name, found.version, key, withdraw=withdraw, reason=reason)
    given = client.registry.approvals(found.name, found.version, key)
    users = ", ".join(sorted(str(each.user) for each in given))
    message = f"{found.model_uri} is approved for {key} by: {users or 'nobody'}."
    common.done({"version": found.model_uri, "key": key, "approvals": given}, as_json, message)


@registry.command(epilog=output.examples("pegboard registry gates"))
@output.json_option
def gates(as_json: bool) -> None:
    """List the gates there are, and which promotions require them."""
    current = host.current()
    required = current.settings(NAME).gates
    rows = [
        (gate.name, [key for key, names in required.items() if gate.name in names], gate.summary)
        for _, gate in sorted(current.declared("gate").items())
    ]
    if as_json:
        output.print_json(
            [
                {"name": name, "required_for": keys, "summary": summary}
                for name, keys, summary in rows
            ]
        )
        return
    tables.print_table(
        [
            tables.Column("Gate", style="bold"),
            tables.Column("Required for", style="cyan"),
            tables.Column("What it checks"),
        ],
        [(name, ", ".join(keys) or "-", summary) for name, keys, summary in rows],
    )
    if not required:
        output.note('Nothing requires a gate. In pegboard.toml: [registry.gates] champion = ["…"]')
