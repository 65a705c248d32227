"""The options of both commands for a model: where it is, what it may do, where it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pegboard.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_OTHER_MANAGERS = ("virtualenv", "conda")


def _manager(_: click.Context, __: click.Parameter, value: str) -> str:
    if value in _OTHER_MANAGERS:
        raise click.BadParameter(f"{value!r} is not supported; 'uv' builds an environment too.")
    return value


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--model-uri",
        "-m",
        metavar="URI",
        required=True,
        help="The model: a directory, runs:/ID/PATH, models:/NAME/3, models:/NAME@ALIAS, …",
    ),
    click.option(
        "--trust",
        metavar="WHAT",
        multiple=True,
        help="Load the model although that can run code: 'pickle', or the full name of a type "
        "that the safe formats do not know. May be repeated.",
    ),
    click.option(
        "--env-manager",
        type=click.Choice(["local", "uv", *_OTHER_MANAGERS]),
        metavar="[local|uv]",
        default="local",
        show_default=True,
        callback=_manager,
        help="Where the model runs: in this environment, or in one that uv builds from the "
        "model's own requirements and keeps for the next time.",
    ),
    click.option(
        "--no-conda", "env_manager", flag_value="local", hidden=True, help="MLflow's 'local'."
    ),
)


def of_model(command: F) -> F:
    """Give a command the options about the model."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def enter(ctx: click.Context, directory: Path) -> None:
    """Go on in the environment of the model in a directory: this process becomes that one."""
    import os

    from pegboard_serving.environments import build

    if sys.platform == "win32":  # pragma: no cover
        raise ConfigError("On Windows the only --env-manager is 'local'.")
    from pegboard.cli.opening import open_host

    python = build.environment_of(directory, open_host(ctx))
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }
    if config := ctx.find_root().params.get("config"):
        variables["PEGBOARD_CONFIG"] = str(Path(config).absolute())
    arguments = _again(ctx, model_uri=str(directory), env_manager="local")
    program = "from pegboard.cli import main; main()"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(  # noqa: S606 (nothing is left for a shell to do)
        python,
        [str(python), "-c", program, "models", str(ctx.info_name), *arguments],
        variables,
    )


def _again(ctx: click.Context, **changed: Any) -> list[str]:
    """Return the arguments that make the same call, but for what is changed."""
    found: list[str] = []
    values = {**ctx.params, **changed}
    for parameter in ctx.command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        value = values.get(str(parameter.name))
        name = parameter.opts[0]
        if parameter.is_flag:
            names = parameter.opts if value else parameter.secondary_opts
            found += names[:1] if value is not None else []
        elif parameter.multiple:
            found += [part for each in value or () for part in (name, str(each))]
        elif value is not None:
            found += [name, str(value)]
    return found
