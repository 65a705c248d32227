"""``pegboard models serve``: serve a model over HTTP."""

from __future__ import annotations

from typing import Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard_server import ServingCommand, listening, settings_of

from pegboard_serving.commands.options import enter, of_model


@click.command(
    epilog=output.examples("pegboard models serve -m models:/iris@champion --port 5001"),
    cls=ServingCommand,
    # -h is MLflow's short form of --host.
    context_settings={"help_option_names": ["--help"]},
)
@of_model
@listening
@click.option(
    "--timeout",
    "-t",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="How long a prediction may take.",
)
@click.option(
    "--batching",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Predict for several waiting requests with one call of the model. 'auto': if its kind "
    "predicts each row by itself.",
)
@click.pass_context
def serve(ctx: click.Context, /, **options: Any) -> None:
    """Serve a model over HTTP: POST /invocations predicts, GET /ping and /health say it is there.

    Bodies and answers are those of MLflow's scoring server. Without users it listens on this
    machine only. It stops on Ctrl-C or SIGTERM, after the requests in flight.
    """
    from pegboard_models import local_copy
    from pegboard_server import serving, workers

    host = open_host(ctx)
    port, count = options.pop("port"), options.pop("workers")
    uri, env_manager = options.pop("model_uri"), options.pop("env_manager")
    trust = options.pop("trust")
    timeout, batching = options.pop("timeout"), options.pop("batching")
    config_file = ctx.find_root().params.get("config")
    settings = settings_of(host, config_file, host.config.pegboard.tracking_uri, **options)
    serving.check(settings)
    directory = local_copy(uri)
    if env_manager == "uv":
        enter(ctx, directory)
    arguments = {
        "model": str(directory),
        "trust": list(trust),
        "timeout": timeout,
        "batching": batching,
    }
    recipe = workers.Recipe("pegboard_serving.app:create", arguments)
    listener = serving.listen(settings.host, port)
    if count == 1:
        workers.run_here(host, settings, listener, recipe)
    else:
        workers.run(host, settings, listener, count, recipe)
