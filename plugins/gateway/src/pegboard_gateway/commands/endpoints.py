"""``pegboard gateway endpoints``: what the gateway serves, and what is made beside its files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_stores import tables

from pegboard_gateway.commands import common

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
    from pegboard_gateway.settings import Budget, Limit


@click.group(epilog=output.examples("pegboard gateway endpoints list"))
def endpoints() -> None:
    """List, show, add and remove the endpoints of the gateway.

    Those of pegboard.toml and of MLflow's YAML file are changed there; what 'add' makes is kept in
    the gateway's database, and a running gateway serves it within a second.
    """


@endpoints.command("list", epilog=output.examples("pegboard gateway endpoints list --json"))
@output.json_option
@common.config_option
@click.pass_context
def list_endpoints(ctx: click.Context, as_json: bool) -> None:
    """List the endpoints."""
    catalog = common.open_catalog(ctx)
    found = list(catalog.current.endpoints.values())
    for problem in catalog.status().problems:
        output.note(problem)
    if as_json:
        from pegboard_gateway.admin.own import endpoint_json

        output.print_json([endpoint_json(each) for each in found])
        return
    if not found:
        output.note("There are no endpoints. See 'pegboard gateway endpoints add --help'.")
        return
    columns = [
        tables.Column("Name", style="bold"),
        tables.Column("Task"),
        tables.Column("Models", most=60),
        tables.Column("Limits", optional=1, most=40),
        tables.Column("Budgets", optional=2, most=40),
        tables.Column("From", optional=3),
    ]
    rows = [
        [
            each.name,
            each.task or "any",
            ", ".join(f"{target.provider}/{target.model_name}" for target in each.targets),
            ", ".join(map(_limit, each.limits)),
            ", ".join(map(_budget, each.budgets)),
            each.source,
        ]
        for each in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


@endpoints.command(epilog=output.examples("pegboard gateway endpoints show chat"))
@click.argument("name")
@output.json_option
@common.config_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show one endpoint: its models, as they are tried, and what holds for it."""
    found = common.open_catalog(ctx).current.endpoints.get(name)
    if found is None:
        raise NotFound(
            f"There is no endpoint {quoted(name)}.",
            hint="'pegboard gateway endpoints list' shows those that there are.",
        )
    if as_json:
        from pegboard_gateway.admin.own import endpoint_json

        output.print_json(endpoint_json(found))
        return
    output.print_record(_about(found))
    output.heading("Models")
    columns = [
        tables.Column("Key", style="bold"),
        tables.Column("Provider"),
        tables.Column("Model"),
        tables.Column("Weight", right=True),
        tables.Column("Fallback", right=True),
        tables.Column("Price", optional=1),
        tables.Column("Longest answer", right=True, optional=2),
    ]
    ordered = sorted(found.targets, key=lambda target: target.fallback_order)
    rows = [
        [
            target.key,
            target.provider,
            target.model_name,
            f"{target.weight:g}",
            target.fallback_order or "",
            _price(target),
            target.longest_answer or "not known",
        ]
        for target in ordered
    ]
    tables.note_hidden(tables.print_table(columns, rows))


def _about(endpoint: GatewayEndpoint) -> Iterable[tuple[str, object]]:
    yield "Name", endpoint.name
    yield "Task", endpoint.task or "any that its models can do"
    if endpoint.prompt:
        yield "Prompt", endpoint.prompt
    yield "From", endpoint.source
    for limit in endpoint.limits:
        yield "Limit", _limit(limit)
    for budget in endpoint.budgets:
        yield "Budget", _budget(budget)
    if endpoint.cache:
        yield "Cache", f"{endpoint.cache.ttl_seconds:g} s, {endpoint.cache.max_mib} MiB"
    for guardrail in endpoint.guardrails:
        yield "Guardrail", f"{guardrail.use}, {guardrail.stage}, {guardrail.action}"
    for key, value in endpoint.tags.items():
        yield f"Tag {key}", value


def _limit(limit: Limit) -> str:
    counts = (("calls", limit.calls), ("tokens", limit.tokens))
    what = " and ".join(f"{count} {name}" for name, count in counts if count is not None)
    return f"{what} a {limit.per}" + ("" if limit.by == "endpoint" else f" by {limit.by}")


def _budget(budget: Budget) -> str:
    return f"{budget.usd:g} USD a {budget.per}" + (
        "" if budget.by == "endpoint" else f" by {budget.by}"
    )


def _price(target: Target) -> str:
    price = target.price
    return f"{price.input:g} / {price.output:g} USD per million" if price else ""


def _pairs(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE.", param=parameter)
        found[key] = rest
    return found


def _counted(_: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """Return the number and the period of ``100/minute``."""
    if value is None:
        return None
    amount, slash, period = value.partition("/")
    try:
        return (float(amount), period.strip()) if slash else (float(amount), "month")
    except ValueError:
        raise click.BadParameter(f"{value!r} is not like 100/minute.", param=parameter) from None


@endpoints.command(
    epilog=output.examples(
        "pegboard gateway endpoints add chat --provider openai --model gpt-4o-mini "
        "--api-key-env OPENAI_API_KEY --limit 100/minute"
    )
)
@click.argument("name")
@click.option("--provider", required=True, metavar="NAME", help="Who serves the model.")
@click.option("--model", required=True, metavar="NAME", help="The vendor's name of the model.")
@click.option("--task", metavar="TASK", help="Only this, such as llm/v1/chat.  [default: all]")
@click.option("--prompt", metavar="NAME@ALIAS", help="A prompt that calls are filled into.")
@click.option(
    "--api-key-env", metavar="NAME", help="The variable that holds the key of the upstream."
)
@click.option("--ask-key", is_flag=True, help="Ask for the key of the upstream.")
@click.option(
    "--set",
    "options",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="A setting of the provider, such as base_url=https://…; may be repeated.",
)
@click.option("--limit", callback=_counted, metavar="CALLS/PERIOD", help="Such as 100/minute.")
@click.option("--budget", callback=_counted, metavar="USD/PERIOD", help="Such as 20/month.")
@click.option("--tag", "tags", multiple=True, callback=_pairs, metavar="KEY=VALUE", help="A tag.")
@output.json_option
@common.config_option
@click.pass_context
def add(ctx: click.Context, /, name: str, as_json: bool, **given: Any) -> None:
    """Add an endpoint with one model. Its key is kept encrypted.

    For several models, and for all that an endpoint can have, use [[gateway.endpoints]] in
    pegboard.toml.
    """
    from pegboard_gateway.catalog import making

    catalog = common.open_catalog(ctx)
    made = making.add(catalog, _table(name, given))
    if as_json:
        from pegboard_gateway.admin.own import endpoint_json, served

        output.print_json(endpoint_json(served(catalog, made.name)))
        return
    click.echo(f"Added the endpoint {made.name!r}. A running gateway serves it within a second.")


def _table(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the table that the options stand for, as it would be in pegboard.toml."""
    table: dict[str, Any] = {"name": name, "provider": given["provider"], "model": given["model"]}
    table |= given["options"]
    if (variable := given["api_key_env"]) is not None:
        table["api_key"] = os.environ.get(variable, "")
        if not table["api_key"]:
            raise InvalidValue(f"The environment variable {variable!r} is not set.")
    elif given["ask_key"]:
        table["api_key"] = click.prompt("Key of the upstream", hide_input=True, err=True)
    if given["task"]:
        table["task"] = given["task"]
    if given["prompt"]:
        table["prompt"] = given["prompt"]
    if given["limit"]:
        calls, period = given["limit"]
        table["limit"] = {"calls": int(calls), "per": period}
    if given["budget"]:
        usd, period = given["budget"]
        table["budget"] = {"usd": usd, "per": period}
    if given["tags"]:
        table["tags"] = given["tags"]
    return table


@endpoints.command(epilog=output.examples("pegboard gateway endpoints remove chat"))
@click.argument("name")
@common.yes_option
@common.config_option
@click.pass_context
def remove(ctx: click.Context, name: str, yes: bool) -> None:
    """Remove an endpoint that 'add', the API or MLflow's client has made, with its key."""
    from pegboard_gateway.catalog import making

    catalog = common.open_catalog(ctx)
    common.confirm(f"Remove the endpoint {name}?", yes)
    making.remove(catalog, name)
    click.echo(f"Removed the endpoint {name!r}.")
