"""``pegboard gateway usage`` and ``budgets``: what was called, what it cost, and what is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard_stores import tables

from pegboard_gateway.commands import common
from pegboard_gateway.commands.keys import store_of
from pegboard_gateway.commands.moments import began_at_ms, day_and_time
from pegboard_gateway.control.rules import Measure
from pegboard_gateway.money import dollars
from pegboard_gateway.usage import queries
from pegboard_gateway.usage.keeping import USAGE
from pegboard_gateway.usage.writer import open_database

if TYPE_CHECKING:
    from pegboard_stores.sqlite import Database

_TIMES = ("minute", "hour", "day")


@click.command(
    epilog=output.examples(
        "pegboard gateway usage --by endpoint --by model --since 7d",
        "pegboard gateway usage --by day --key a1b2c3d4e5f6 --json",
    )
)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(list(queries.BY)),
    default=["endpoint"],
    show_default=True,
    metavar="WHAT",
    help=f"What to sum by; several make groups of both: {', '.join(queries.BY)}.",
)
@click.option("--since", default="24h", show_default=True, help="30m, 24h, 7d, or a date.")
@click.option("--until", help="Likewise.  [default: now]")
@click.option("--endpoint", help="Calls of this endpoint alone.")
@click.option("--model", help="Calls that this model answered.")
@click.option("--key", "key_id", help="Calls with the key of this id.")
@click.option("--user", help="Calls of this user.")
@click.option("--outcome", help="done, cached, refused, failed, gone or lost.")
@output.json_option
@common.config_option
@click.pass_context
def usage(
    ctx: click.Context,
    /,
    by: tuple[str, ...],
    since: str,
    until: str | None,
    as_json: bool,
    **conditions: str | None,
) -> None:
    """Show how much was called, what it took and cost, and how long it lasted.

    By target, provider or model each attempt counts where it was made, with its tokens, costs and
    time; those that failed are of attempts. A call counts where it ended.
    """
    now = int(time.time() * 1000)
    where = queries.Filter(
        since_ms=began_at_ms(since, now),
        until_ms=None if until is None else began_at_ms(until, now),
        **conditions,  # type: ignore[arg-type]
    )
    database = _database(ctx)
    found = [] if database is None else queries.grouped(database, by, where)
    if as_json:
        output.print_json(found)
    elif not found:
        output.note("No calls were made in that time.")
    else:
        _print(by, found)


def _print(by: tuple[str, ...], found: list[dict[str, Any]]) -> None:
    tried = "attempts" in found[0]
    columns = [
        *[tables.Column(name.capitalize(), style="bold", most=40) for name in by],
        tables.Column("Calls", right=True),
        *([tables.Column("Attempts", right=True)] if tried else []),
        tables.Column("Failed", right=True, optional=2),
        tables.Column("Refused", right=True, optional=2),
        tables.Column("Cached", right=True, optional=3),
        tables.Column("Tokens in", right=True, optional=1),
        tables.Column("out", right=True, optional=1),
        tables.Column("USD", right=True),
        tables.Column("p50 s", right=True, optional=4),
        tables.Column("p95 s", right=True, optional=4),
    ]
    rows = [
        [
            *[day_and_time(row[name]) if name in _TIMES else row[name] or "-" for name in by],
            row["calls"],
            *([row["attempts"]] if tried else []),
            row["attempts_failed" if tried else "failed"],
            row["refused"],
            row["cached"],
            row["tokens_in"],
            row["tokens_out"],
            _dollars(row["cost"], row["unpriced"]),
            *[_seconds(row["upstream_seconds" if tried else "seconds"][p]) for p in ("p50", "p95")],
        ]
        for row in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))
    if unpriced := sum(row["unpriced"] for row in found):
        what = "attempts" if tried else "calls"
        output.note(
            f"Of {sum(row[what] for row in found)} {what} {unpriced} have an unknown price, which "
            "the dollars lack. Set \"price\" of the models that 'pegboard gateway check' names."
        )


@click.command(
    epilog=output.examples("pegboard gateway budgets", "pegboard gateway budgets --json")
)
@output.json_option
@common.config_option
@click.pass_context
def budgets(ctx: click.Context, as_json: bool) -> None:
    """Show limits and budgets, and what is used of each, the fullest first.

    It is what the calls have taken that are over; those that run are not in it.
    """
    from pegboard_gateway.controls import LiveRules
    from pegboard_gateway.usage.standing import standing

    catalog = common.open_catalog(ctx)
    rules = LiveRules(catalog, store_of(ctx), lambda: catalog.settings).in_force()
    now = int(time.time() * 1000)
    found = standing(_database(ctx), [*rules.budgets, *rules.limits], now)
    if as_json:
        output.print_json(found)
        return
    if not found:
        output.note("There are no limits and no budgets.")
        return
    columns = [
        tables.Column("Of", style="bold", most=50),
        tables.Column("Used", right=True),
        tables.Column("Amount", right=True),
        tables.Column("What"),
        tables.Column("Per"),
        tables.Column("Until", optional=1),
        tables.Column("Then", optional=2),
    ]
    rows = [
        [
            _whose(row),
            _amount(row, "used"),
            _amount(row, "amount"),
            "USD" if row["measure"] == Measure.MONEY else row["measure"],
            row["window"],
            day_and_time(row["ends_ms"]),
            row["action"],
        ]
        for row in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


def _database(ctx: click.Context) -> Database | None:
    """Return the table of usage; None if no call was ever made."""
    path: Path = common.open_store(ctx).path
    file = path.with_suffix("") / USAGE
    return open_database(file, create=False) if file.exists() else None


def _whose(row: dict[str, Any]) -> str:
    parts = [row["name"], f"{row['scope']} {row['subject']}".rstrip()]
    if row["endpoint"] and row["scope"] != "endpoint":
        parts.append(f"at {row['endpoint']}")
    return ", ".join(part for part in parts if part)


def _amount(row: dict[str, Any], name: str) -> str:
    amount = row[name]
    if row["measure"] != Measure.MONEY:
        return str(amount)
    return _dollars(amount, row["unpriced"] if name == "used" else 0)


def _dollars(amount: int, unpriced: int) -> str:
    """Return money, and a mark if there is more whose price nobody knows."""
    return f"{dollars(amount)} + ?" if unpriced else dollars(amount)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
