"""``pegboard gateway start``: serve language models over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_server import ServingCommand, listening, settings_of

from pegboard_gateway.commands import common

if TYPE_CHECKING:
    from pegboard.host import Host


@click.command(
    epilog=output.examples(
        "pegboard gateway start --port 5000",
        "pegboard gateway start --config gateway.yaml --workers 2",
    ),
    cls=ServingCommand,
    # -h is MLflow's short form of --host.
    context_settings={"help_option_names": ["--help"]},
)
@click.option(
    "--config",
    "--config-path",
    "file",
    metavar="FILE",
    help="The endpoints: a pegboard.toml, or a YAML file of MLflow's gateway.  "
    "[default: the pegboard.toml that applies here]",
)
@listening
@click.pass_context
def start(ctx: click.Context, /, file: str | None, **options: Any) -> None:
    """Serve language models over HTTP: OpenAI's API, and those of Anthropic, Gemini and MLflow.

    Files of the configuration are read again when they change. If nothing is configured, a small
    model in this process is offered where one is installed. Without users it listens on this
    machine only. It stops on Ctrl-C or SIGTERM, after the requests in flight.
    """
    from pegboard_server import serving, workers

    port, count = options.pop("port"), options.pop("workers")
    yaml = common.yaml_of(ctx, file)
    host = open_host(ctx, creates_stores=True)
    config_file = ctx.find_root().params.get("config")
    settings = settings_of(host, config_file, host.config.pegboard.tracking_uri, **options)
    serving.check(settings)
    said = _offered(host, yaml)
    recipe = workers.Recipe(
        "pegboard_gateway.app:create", {"mlflow_config": None if yaml is None else str(yaml)}
    )
    listener = serving.listen(settings.host, port)
    for line in said:
        output.note(line.replace("URL", serving.address_of(listener, settings)))
    if count == 1:
        workers.run_here(host, settings, listener, recipe)
    else:
        workers.run(host, settings, listener, count, recipe)


def _offered(host: Host, yaml: Path | None) -> list[str]:
    """Return what to say of the endpoints; ConfigError if the configuration is wrong."""
    from pegboard_gateway.catalog import live

    catalog = live.LiveCatalog(host, yaml)
    try:
        catalog.reload()
        found = catalog.current.endpoints
        if not found:
            return [
                "No endpoints are configured, and no model is installed in this process: there is "
                "nothing to ask yet. Add [[gateway.endpoints]] to pegboard.toml, or make one with "
                "the API."
            ]
        if any(endpoint.source != live.EMBEDDED for endpoint in found.values()):
            return []
        body = {"model": next(iter(found)), "messages": [{"role": "user", "content": "Hello!"}]}
        kind, url = "content-type: application/json", "URL/v1/chat/completions"
        return [
            f"No endpoints are configured, so there is what this process has: {', '.join(found)}.",
            f"Try: {command_line('curl', url, '-H', kind, '-d', json.dumps(body))}",
        ]
    finally:
        catalog.close()
