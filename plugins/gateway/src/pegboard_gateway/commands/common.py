"""What the commands of the gateway's configuration share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pegboard.cli.opening import open_host
from pegboard.errors import ConfigError
from pegboard_stores.command_options import confirm as confirm
from pegboard_stores.command_options import yes_option as yes_option

if TYPE_CHECKING:
    from pegboard_gateway.catalog.live import LiveCatalog
    from pegboard_gateway.catalog.store import Store

F = TypeVar("F", bound=Callable[..., Any])

_FILE = "pegboard_gateway.config"
YAML = (".yaml", ".yml")
"""How the names of files end that are in the form of MLflow's gateway."""


def config_option(command: F) -> F:
    """Add ``--config``, as ``pegboard gateway start`` has it, to a command that opens a catalog."""
    return click.option(
        "--config",
        "--config-path",
        metavar="FILE",
        expose_value=False,
        callback=_take_file,
        help="The configuration that the gateway was started with: a pegboard.toml, or a YAML file "
        "of MLflow's gateway.  [default: the pegboard.toml that applies here]",
    )(command)


def _take_file(ctx: click.Context, _: click.Parameter, file: str | None) -> None:
    ctx.meta[_FILE] = yaml_of(ctx, file)


def yaml_of(ctx: click.Context, file: str | None) -> Path | None:
    """Return a YAML file that was named; one of TOML becomes the configuration of all."""
    if file is None:
        return None
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"There is no file {file!r}.", hint="Check --config.")
    if path.suffix.lower() in YAML:
        return path.absolute()
    if path.suffix.lower() != ".toml":
        hint = "Its name has to end with .toml, .yaml or .yml."
        raise ConfigError(f"{file!r} is not a configuration of the gateway.", hint=hint)
    ctx.find_root().params["config"] = str(path.absolute())
    return None


def open_catalog(ctx: click.Context) -> LiveCatalog:
    """Return the catalog of the configuration; ConfigError if that is wrong."""
    from pegboard_gateway.catalog import live

    return live.catalog_of(open_host(ctx), ctx.meta.get(_FILE))


def open_store(ctx: click.Context) -> Store:
    """Return what the gateway keeps: keys, secrets and records.

    Endpoints are not read for it. They may be wrong, or need variables that only the gateway's own
    process has, and a key has to be revoked all the same.
    """
    from pegboard_gateway.catalog import live

    return live.LiveCatalog(open_host(ctx), ctx.meta.get(_FILE)).store
