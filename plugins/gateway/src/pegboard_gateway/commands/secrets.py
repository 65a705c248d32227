"""``pegboard gateway secrets``: the keys of upstreams that the database holds, encrypted."""

from __future__ import annotations

import click
from pegboard.cli import output
from pegboard_stores import formats, tables

from pegboard_gateway.commands import common


@click.group(epilog=output.examples("pegboard gateway secrets list"))
def secrets() -> None:
    """List the secrets of upstreams, and change the key that encrypts them.

    No command shows a secret.
    """


@secrets.command("list", epilog=output.examples("pegboard gateway secrets list"))
@output.json_option
@common.config_option
@click.pass_context
def list_secrets(ctx: click.Context, as_json: bool) -> None:
    """List the secrets, masked, as they were made."""
    store = common.open_store(ctx)
    found = store.credentials.secrets() if store.exists() else []
    if as_json:
        output.print_json(found)
        return
    if not found:
        output.note("There are no secrets.")
        return
    columns = [
        tables.Column("Name", style="bold", most=40),
        tables.Column("Provider"),
        tables.Column("Value", most=60),
        tables.Column("Changed"),
        tables.Column("ID", optional=1),
    ]
    rows = [
        [
            each.secret_name,
            each.provider or "",
            ", ".join(f"{key}: {shown}" for key, shown in each.masked_values.items()),
            formats.age(each.last_updated_at),
            each.secret_id,
        ]
        for each in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


@secrets.command(epilog=output.examples("pegboard gateway secrets rotate"))
@common.config_option
@click.pass_context
def rotate(ctx: click.Context) -> None:
    """Encrypt all secrets with a new key; the old one opens nothing any more.

    The key is in a file beside the database, or in the variable PEGBOARD_GATEWAY_SECRET_KEY; the
    next one is then that of PEGBOARD_GATEWAY_NEXT_SECRET_KEY. Running gateways notice nothing.
    """
    store = common.open_store(ctx)
    if not store.exists():
        output.note("There are no secrets.")
        return
    count = store.credentials.rotate()
    click.echo(f"Encrypted anew: {formats.counted(count, 'secret')}.")
