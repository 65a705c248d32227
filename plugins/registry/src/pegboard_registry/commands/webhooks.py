"""``pegboard registry webhooks``."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.errors import InvalidValue, StoreError
from pegboard_stores import formats, tables

from pegboard_registry.commands import common
from pegboard_registry.webhooks.entities import EVENTS, Delivery, DeliveryState, Webhook

if TYPE_CHECKING:
    from pegboard_registry.webhooks.contract import Webhooks

_PAGE = 1000
_SECRET = "PEGBOARD_WEBHOOK_SECRET"  # noqa: S105 (the name of a variable)


def _open(*, create: bool = False) -> Webhooks:
    from pegboard_registry.webhooks.contract import need_webhooks

    return need_webhooks(common.client(create=create).registry)


@click.group(epilog=output.examples("pegboard registry webhooks list"))
def webhooks() -> None:
    """Have other systems told what happens in the registry.

    'pegboard server' calls them, for what is changed through it.
    """


@webhooks.command("list", epilog=output.examples("pegboard registry webhooks list"))
@common.limit_option(100)
@output.json_option
def list_webhooks(limit: int, as_json: bool) -> None:
    """List webhooks, the last created first."""
    common.print_found(
        paging.items(partial(_open().list, max_results=min(limit + 1, _PAGE))),
        limit,
        as_json,
        [
            tables.Column("Name", style="bold", most=40),
            tables.Column("ID"),
            tables.Column("Status", styles={"DISABLED": "yellow"}),
            tables.Column("URL", most=60),
            tables.Column("Events", optional=1, most=60),
            tables.Column("Created", optional=2),
        ],
        _row,
        "There are no webhooks.",
    )


def _row(webhook: Webhook) -> list[object]:
    return [
        webhook.name,
        webhook.webhook_id,
        webhook.status,
        webhook.url,
        ", ".join(webhook.events),
        formats.age(webhook.creation_timestamp),
    ]


@webhooks.command(
    epilog=output.examples(
        "pegboard registry webhooks create chat https://example.org/hook -e model_version.created"
    )
)
@click.argument("name")
@click.argument("url")
@click.option(
    "-e",
    "--event",
    "events",
    multiple=True,
    required=True,
    type=click.Choice(EVENTS),
    metavar="ENTITY.ACTION",
    help=f"What it is called for; may be repeated. One of: {', '.join(EVENTS)}.",
)
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option(
    "--signed",
    is_flag=True,
    help=f"Sign what is sent, with the secret in {_SECRET} or else asked for.",
)
@output.json_option
def create(
    name: str,
    url: str,
    events: tuple[str, ...],
    description: str | None,
    signed: bool,
    as_json: bool,
) -> None:
    """Have a URL called for some events."""
    secret = _ask_for_secret() if signed else None
    made = _open(create=True).create(name, url, events, description=description, secret=secret)
    common.done(made, as_json, f"Created the webhook {made.name!r} with the id {made.webhook_id}.")


def _ask_for_secret() -> str:
    secret = os.environ.get(_SECRET) or click.prompt("Secret", hide_input=True, err=True)
    if not secret:
        raise InvalidValue("The secret is empty.")
    return str(secret)


@webhooks.command(epilog=output.examples("pegboard registry webhooks delete WEBHOOK_ID"))
@click.argument("webhook_id")
@common.yes_option
def delete(webhook_id: str, yes: bool) -> None:
    """Remove a webhook, what waits for it, and its log."""
    common.confirm(f"Remove the webhook {webhook_id}?", yes)
    _open().delete(webhook_id)
    click.echo(f"Removed the webhook {webhook_id}.")


@webhooks.command(epilog=output.examples("pegboard registry webhooks test WEBHOOK_ID"))
@click.argument("webhook_id")
@click.option(
    "-e",
    "--event",
    type=click.Choice(EVENTS),
    metavar="ENTITY.ACTION",
    help="Which example to send; by default that of its first event.",
)
@output.json_option
def test(webhook_id: str, event: str | None, as_json: bool) -> None:
    """Call a webhook with an example."""
    result = _open().test(webhook_id, event)
    if as_json:
        output.print_json(result)
    elif result.success:
        click.echo(f"It answered with the status {result.response_status}.")
    if not result.success:
        raise StoreError(f"The call failed: {result.error_message or result.response_status}")


@webhooks.command(epilog=output.examples("pegboard registry webhooks deliveries WEBHOOK_ID"))
@click.argument("webhook_id")
@common.limit_option(100)
@output.json_option
def deliveries(webhook_id: str, limit: int, as_json: bool) -> None:
    """Show what was or is to be delivered to a webhook, the last first."""
    common.print_found(
        paging.items(partial(_open().deliveries, webhook_id, max_results=min(limit + 1, _PAGE))),
        limit,
        as_json,
        [
            tables.Column("When"),
            tables.Column("Event", style="bold"),
            tables.Column("State", styles={"failed": "red", "waiting": "yellow"}),
            tables.Column("Attempts", right=True),
            tables.Column("Answer", most=60),
            tables.Column("ID", optional=2),
        ],
        _delivery_row,
        "Nothing was to be delivered yet.",
    )


def _delivery_row(delivery: Delivery) -> list[object]:
    waits = delivery.state is DeliveryState.WAITING and delivery.attempts
    said = delivery.error or (delivery.response_status and f"status {delivery.response_status}")
    if waits and delivery.next_attempt is not None:
        said = f"{said}; again at {formats.moment(delivery.next_attempt)}"
    return [
        formats.moment(delivery.created),
        delivery.event,
        delivery.state,
        delivery.attempts,
        said or "-",
        delivery.delivery_id,
    ]
