"""``pegboard gateway check``: whether a configuration can be served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import ConfigError

from pegboard_gateway.catalog import building, pricing
from pegboard_gateway.commands import common

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_gateway.catalog.contract import GatewayEndpoint
    from pegboard_gateway.settings import Settings

    _Said: TypeAlias = tuple[str, ...]


@click.command(epilog=output.examples("pegboard gateway check", "pegboard gateway check new.toml"))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def check(ctx: click.Context, file: Path | None) -> None:
    """Say whether a configuration can be served: that in use, or a FILE before it is used.

    FILE is like pegboard.toml, or a YAML file of MLflow's gateway. Providers and keys are looked
    up, but no model is asked.
    """
    found, problems, warnings = _read(ctx, file)
    for endpoint in found:
        models = ", ".join(f"{each.provider}/{each.model_name}" for each in endpoint.targets)
        click.echo(f"{endpoint.name}: {models}")
    for problem in (*warnings, *problems):
        output.note(problem)
    if problems:
        ctx.exit(1)
    output.note("All is well." if found else "Nothing is wrong, and there are no endpoints.")


def _read(ctx: click.Context, file: Path | None) -> tuple[list[GatewayEndpoint], _Said, _Said]:
    """Return the endpoints, what is wrong with some, and warnings; ConfigError if all is wrong."""
    if file is None:
        catalog = common.open_catalog(ctx)
        status = catalog.status()
        return list(catalog.current.endpoints.values()), status.problems, status.warnings
    host = open_host(ctx)
    if file.suffix.lower() in common.YAML:
        found = _of_mlflow(host, file)
        return found, (), pricing.warnings(host.settings("gateway"), found)
    settings = _settings(file)
    found = _of_settings(host, file, settings)
    return found, (), pricing.warnings(settings, found)


def _of_mlflow(host: Host, file: Path) -> list[GatewayEndpoint]:
    from pegboard_gateway import mlflow_file

    entries = [
        building.Entry(table, str(file), f"{file}: endpoint {table.name!r}")
        for table in mlflow_file.read(file)
    ]
    return list(building.endpoints(entries, building.Models(host)).values())


def _settings(file: Path) -> Settings:
    from pegboard import config, settings

    from pegboard_gateway.settings import Settings

    if not file.is_file():
        raise ConfigError(f"There is no file {str(file)!r}.")
    table = config.read_file(file).plugins.get("gateway", {})
    read: Settings = settings.structure(Settings, table, f"{file}: [plugins.gateway]")
    return read


def _of_settings(host: Host, file: Path, read: Settings) -> list[GatewayEndpoint]:
    entries = [
        building.Entry(each, str(file), f"{file}: [[gateway.endpoints]] {each.name!r}")
        for each in read.endpoints
    ]
    found = list(building.endpoints(entries, building.Models(host)).values())
    if read.mlflow_config:
        found += _of_mlflow(host, file.absolute().parent / Path(read.mlflow_config).expanduser())
    return found
