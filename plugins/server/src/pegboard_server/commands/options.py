"""Options of commands that serve over HTTP, and the settings that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pegboard_server.names import NAME
from pegboard_server.settings import Settings

if TYPE_CHECKING:
    from pegboard.host import Host

F = TypeVar("F", bound=Callable[..., Any])


def _split(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Accept names that are repeated as well as names with commas between them."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--host",
        "-h",
        metavar="ADDRESS",
        default="127.0.0.1",
        show_default=True,
        help="Listen there.",
    ),
    click.option(
        "--port",
        "-p",
        type=click.IntRange(0, 65535),
        default=5000,
        show_default=True,
        help="Listen there; 0 takes a free one, which is printed.",
    ),
    click.option(
        "--workers",
        "-w",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="How many processes share the work.",
    ),
    click.option(
        "--root-path",
        "--static-prefix",
        "root_path",
        metavar="PATH",
        default="",
        help="The path under which a proxy shows the server, for instance /pegboard.",
    ),
    click.option("--tls-cert", metavar="FILE", help="The certificate for HTTPS, with its chain."),
    click.option("--tls-key", metavar="FILE", help="The key of the certificate."),
    click.option(
        "--users",
        "users_file",
        metavar="FILE",
        help="Who may come in; made by 'pegboard server user add'.",
    ),
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        metavar="ADDRESS",
        multiple=True,
        callback=_split,
        help="A proxy whose X-Forwarded headers are believed; may be repeated.",
    ),
    click.option(
        "--allowed-host",
        "--allowed-hosts",
        "allowed_hosts",
        metavar="NAME",
        multiple=True,
        callback=_split,
        help="A name of the server beside its own, as *.example.org; may be repeated.",
    ),
    click.option(
        "--cors-origin",
        "--cors-allowed-origins",
        "cors_origins",
        metavar="ORIGIN",
        multiple=True,
        callback=_split,
        help="A site whose pages may call the server; may be repeated.",
    ),
    click.option(
        "--insecure", is_flag=True, help="Listen beyond this machine even without logins."
    ),
    click.option(
        "--access-log/--no-access-log",
        default=None,
        help="Write a JSON line for each request to stderr.  [default: as configured, else on]",
    ),
)


class _HelpOnH:
    """Lets ``-h`` with nothing behind it be help, though it is MLflow's short form of --host."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[-1] == "-h":
            args = [*args[:-1], "--help"]
        parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return parsed


class ServingCommand(_HelpOnH, click.Command):
    """A command that has the options of ``listening``."""


class ServingGroup(_HelpOnH, click.Group):
    """A group that has the options of ``listening`` itself."""


def listening(command: F) -> F:
    """Give a command the options that say where, to whom and how it serves."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(
    plugins: Host,
    config_file: str | None,
    tracking_uri: str,
    *,
    root_path: str = "",
    **options: Any,
) -> Settings:
    """Return the settings that the configuration and a command's options make.

    ``config_file`` is the one that the command line names.
    """
    root = root_path.rstrip("/")
    base = Path.cwd() if plugins.config.file is None else plugins.config.file.absolute().parent
    found = config_file or plugins.config.file
    return Settings.of(
        plugins.settings(NAME),
        base,
        tracking_uri=tracking_uri,
        config_file=None if found is None else str(Path(found).absolute()),
        root_path=f"/{root.lstrip('/')}" if root else "",
        **options,
    )
