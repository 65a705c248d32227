"""Options that the commands of projects share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-e", "--entry-point", default="main", show_default=True, metavar="NAME",
        help="What to run: an entry point of the project, or a script of it.",
    ),
    click.option(
        "-v", "--version", metavar="VERSION", help="A branch, tag or commit of a git repository."
    ),
    click.option(
        "-P", "--param-list", "parameters", multiple=True, metavar="NAME=VALUE",
        help="A parameter; repeat it for more.",
    ),
    click.option(
        "--env-manager", metavar="MANAGER",
        help="What provides the environment: local, uv, conda or docker.  "
        "[default: what the project asks for]",
    ),
    click.option("-b", "--backend", metavar="RUNNER", help="Where to run.  [default: local]"),
    click.option(
        "-c", "--backend-config", metavar="FILE|JSON",
        help="Settings of the runner: a JSON file, or JSON.",
    ),
    click.option(
        "-A", "--docker-args", multiple=True, metavar="NAME=VALUE",
        help="An option of 'docker run'; repeat it for more.",
    ),
    click.option(
        "--storage-dir", metavar="FOLDER",
        help="Where to keep remote files that parameters of the type path name.  "
        "[default: a temporary folder]",
    ),
    click.option("--build-image", is_flag=True, help="Build an image with the project inside."),
)  # fmt: skip


def asking(function: F) -> F:
    """Give a command the options that say what to run, and how."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE as a mapping; a usage error for what is not, or stands twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}.")
        if name in found:
            raise click.UsageError(f"{option} names {name!r} twice.")
        found[name] = value
    return found


def flags(given: Sequence[str], option: str) -> dict[str, str | bool]:
    """Return NAME or NAME=VALUE as a mapping; True for a name alone."""
    valued = [text for text in given if "=" in text]
    alone = {text: True for text in given if "=" not in text}
    return {**alone, **pairs(valued, option)}
