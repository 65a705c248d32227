"""``pegboard server``: serve the store over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli.shell import open_host

from pegboard_server.commands.users import user
from pegboard_server.plugin import NAME
from pegboard_server.settings import Settings

if TYPE_CHECKING:
    from pegboard.host import Host


def _split(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Accept names that are repeated as well as names with commas between them."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


@click.group(
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
@click.option(
    "--host", "-h", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Listen there."
)
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="Listen there; 0 takes a free one, which is printed.",
)
@click.option(
    "--workers",
    "-w",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes share the work.",
)
@click.option(
    "--root-path",
    "--static-prefix",
    "root_path",
    metavar="PATH",
    default="",
    help="The path under which a proxy shows the server, for instance /pegboard.",
)
@click.option("--tls-cert", metavar="FILE", help="The certificate for HTTPS, with its chain.")
@click.option("--tls-key", metavar="FILE", help="The key of the certificate.")
@click.option(
    "--users",
    "users_file",
    metavar="FILE",
    help="Who may come in; made by 'pegboard server user add'.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    metavar="ADDRESS",
    multiple=True,
    callback=_split,
    help="A proxy whose X-Forwarded headers are believed; may be repeated.",
)
@click.option(
    "--allowed-host",
    "--allowed-hosts",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    callback=_split,
    help="A name of the server beside its own, as *.example.org; may be repeated.",
)
@click.option(
    "--cors-origin",
    "--cors-allowed-origins",
    "cors_origins",
    metavar="ORIGIN",
    multiple=True,
    callback=_split,
    help="A site whose pages may call the server; may be repeated.",
)
@click.option(
    "--insecure", is_flag=True, help="Listen beyond this machine even if anybody may come in."
)
@click.option(
    "--access-log/--no-access-log",
    default=None,
    help="Write a JSON line for each request to stderr.  [default: as configured, else on]",
)
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
    host = open_host(ctx)
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
        store or plugins.config.tracking.uri,
        options.pop("artifacts"),
        options.pop("artifact_root"),
        through=options.pop("serve_artifacts"),
    )
    root = options.pop("root_path").rstrip("/")
    base = Path.cwd() if plugins.config.file is None else plugins.config.file.absolute().parent
    found = config_file or plugins.config.file
    return Settings.of(
        plugins.settings(NAME),
        base,
        tracking_uri=uri,
        config_file=None if found is None else str(Path(found).absolute()),
        root_path=f"/{root.lstrip('/')}" if root else "",
        **options,
    )
