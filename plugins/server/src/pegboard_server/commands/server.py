"""``pegboard server``: serve the store over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host

from pegboard_server.commands.options import ServingGroup, listening, settings_of
from pegboard_server.commands.users import user

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_server.settings import Settings


@click.group(
    epilog=output.examples(
        "pegboard server --store sqlite:runs.db --port 5000",
        "pegboard server --users pegboard-users --host 0.0.0.0",
    ),
    cls=ServingGroup,
    invoke_without_command=True,
    # -h is MLflow's short form of --host.
    context_settings={"help_option_names": ["--help"]},
)
@click.option(
    "--store",
    "--backend-store-uri",
    "store",
    metavar="URI",
    help="The store to serve; the configured one if it is not given.",
)
@click.option(
    "--artifacts",
    "--artifacts-destination",
    "artifacts",
    metavar="URI",
    help="Where the server keeps files that clients send.  [default: beside the store]",
)
@click.option(
    "--default-artifact-root",
    "artifact_root",
    metavar="URI",
    help="Where clients keep the files of new experiments themselves, past the server.",
)
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    "serve_artifacts",
    default=True,
    help="Whether files go through the server; if not, clients need access to the place.",
)
@listening
@click.pass_context
def server(ctx: click.Context, /, **options: Any) -> None:
    """Serve the store over HTTP, to MLflow's clients and pegboard's.

    Without users it listens on this machine only. It stops on Ctrl-C or SIGTERM, after the
    requests in flight. The names of MLflow's options are understood too.
    """
    if ctx.invoked_subcommand is not None:
        return
    from pegboard_server import serving, workers

    count, port = options.pop("workers"), options.pop("port")
    host = open_host(ctx, creates_stores=True)
    settings = _settings(host, ctx.find_root().params.get("config"), **options)
    serving.check(settings)
    listener = serving.listen(settings.host, port)
    if count == 1:
        workers.run_here(host, settings, listener)
    else:
        workers.run(host, settings, listener, count)


server.add_command(user)


def _settings(
    plugins: Host, config_file: str | None, store: str | None, **options: Any
) -> Settings:
    from pegboard_server.stores import served

    uri = served(
        store or plugins.config.pegboard.tracking_uri,
        options.pop("artifacts"),
        options.pop("artifact_root"),
        through=options.pop("serve_artifacts"),
    )
    return settings_of(plugins, config_file, uri, **options)
