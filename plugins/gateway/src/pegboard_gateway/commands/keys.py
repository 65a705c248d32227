"""``pegboard gateway keys``: keys of clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from pegboard.cli import output
from pegboard.errors import ConfigError, InvalidValue
from pegboard_stores import tables

from pegboard_gateway.catalog import pricing
from pegboard_gateway.commands import common
from pegboard_gateway.commands.moments import day_and_time, ends_at_ms
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.keys import Key
from pegboard_gateway.control.keys import as_json as describe


@click.group(epilog=output.examples("pegboard gateway keys create ci --endpoint chat"))
def keys() -> None:
    """Make, list and revoke the keys that clients of the gateway send.

    As soon as there is one, a call of a model needs a key, or a user of the server who may write.
    A running gateway notices within a second.
    """


@keys.command(
    epilog=output.examples(
        "pegboard gateway keys create ci --user ann --expires 90d",
        "pegboard gateway keys create lab --limit 100/minute --budget '5 USD/day'",
    )
)
@click.argument("name")
@click.option("--user", default="", help="Whose calls they are, in usage and limits by user.")
@click.option("--team", default="", help="The team that it belongs to.")
@click.option("--workspace", default="", help="The workspace that it belongs to.")
@click.option(
    "--endpoint", "endpoints", multiple=True, help="An endpoint that it is for; * stands for any."
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    type=click.Choice(["openai", "responses", "anthropic", "gemini", "mlflow", "proxy"]),
    help="An API that it is for.  [default: all]",
)
@click.option("--limit", "limits", multiple=True, help="As '100/minute' or '20000 tokens/day'.")
@click.option("--budget", "budgets", multiple=True, help="As '10 USD/month'.")
@click.option("--tag", "tags", multiple=True, help="NAME=VALUE, to find it by.")
@click.option("--expires", help="After how long it is over (90d, 12h), or when (2030-01-31).")
@output.json_option
@common.config_option
@click.pass_context
def create(
    ctx: click.Context, /, name: str, expires: str | None, as_json: bool, tags: tuple[str, ...],
    **fields: Any,
) -> None:  # fmt: skip
    """Make a key and print it. It is shown only now: what is kept is a hash of it."""
    store = store_of(ctx)
    until = None if expires is None else ends_at_ms(expires, int(time.time() * 1000))
    made, text = store.create(name=name, tags=_tags(tags), expires_ms=until, **fields)
    try:
        served = common.open_catalog(ctx).current.endpoints
    except ConfigError as error:
        output.note(f"Which models the key is for cannot be said here. {error}")
    else:
        for warning in pricing.warnings_of_key(made, served.values()):
            output.note(warning)
    if as_json:
        output.print_json({"key": text, **describe(made)})
        return
    output.note(f"The key {made.id} ({name}) is shown only now; clients send it as their API key:")
    click.echo(text)


@keys.command("list", epilog=output.examples("pegboard gateway keys list --json"))
@click.option("--all", "shows_all", is_flag=True, help="Also those that are over or revoked.")
@output.json_option
@common.config_option
@click.pass_context
def list_keys(ctx: click.Context, shows_all: bool, as_json: bool) -> None:
    """List keys, the newest first, without what only their owners know."""
    now = int(time.time() * 1000)
    found = [key for key in store_of(ctx).list() if shows_all or key.is_good(now)]
    if as_json:
        output.print_json([describe(key) for key in found])
        return
    columns = [
        tables.Column("Id", style="bold"),
        tables.Column("Name", most=30),
        tables.Column("User", most=20),
        tables.Column("State"),
        tables.Column("Endpoints", optional=1, most=30),
        tables.Column("Limits", optional=2, most=40),
        tables.Column("Made", optional=3),
    ]
    rows = [
        [
            key.id,
            key.name,
            key.user,
            _state(key, now),
            ", ".join(key.endpoints) or "all",
            ", ".join([*key.limits, *key.budgets]),
            day_and_time(key.created_ms),
        ]
        for key in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


@keys.command(epilog=output.examples("pegboard gateway keys revoke a1b2c3d4e5f6"))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@common.config_option
@click.pass_context
def revoke(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """Let keys in no more; a running gateway refuses them within a second."""
    store = store_of(ctx)
    for key_id in ids:
        store.revoke(key_id)
        output.note(f"The key {key_id} is revoked.")


def store_of(ctx: click.Context) -> KeyStore:
    """Return the keys of the configured gateway."""
    path: Path = common.open_store(ctx).path
    return KeyStore(path)


def _state(key: Key, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    if key.expires_ms is None:
        return "good"
    return f"{'until' if key.is_good(now_ms) else 'over since'} {day_and_time(key.expires_ms)}"


def _tags(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in given:
        name, mark, value = each.partition("=")
        if not mark or not name:
            raise InvalidValue(f"{each!r} is not a tag.", hint="Write it as NAME=VALUE.")
        found[name] = value
    return found
