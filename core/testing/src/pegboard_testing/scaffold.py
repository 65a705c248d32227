"""``pegboard plugins new``: writes a plugin that works, to start from."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

import click
from attrs import frozen
from pegboard.cli import output
from pegboard.errors import AlreadyExists, InvalidValue, command_line, translate_os_error
from pegboard_stores import options

_NAME = re.compile(r"[a-z][a-z0-9]+(-[a-z0-9]+)*")


@frozen
class _Kind:
    """A kind of plugin: its module, what it is called, and how a user tries it."""

    module: str
    title: str
    try_it: str
    dependencies: str = '"pegboard>=0.1,<0.2"'


_KINDS = {
    "tracking-store": _Kind(
        "store", "A tracking store", "pegboard --tracking-uri $name:place doctor"
    ),
    "artifact-store": _Kind(
        "store",
        "An artifact store",
        "pegboard experiments create first --artifact-location $name:place  "
        "# needs pegboard-tracking",
    ),
    "command": _Kind(
        "command", "A command", "pegboard $name", '"click>=8.1", "pegboard>=0.1,<0.2"'
    ),
}


@click.command(epilog=output.examples("pegboard plugins new my-store --kind tracking-store"))
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(_KINDS)),
    default="tracking-store",
    show_default=True,
    metavar="KIND",
    help=f"What the plugin provides: {', '.join(_KINDS)}.",
)
@options.output_option(
    "directory",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write it; by default a new directory here, named like the distribution.",
)
def new(name: str, kind: str, directory: Path | None) -> None:
    """Start a plugin of your own: a distribution that installs, works and passes its tests.

    NAME is the plugin's name and, for stores, the scheme of its URIs: lower-case letters, digits
    and hyphens.
    """
    target, files = create(name, kind, directory)
    for file in files:
        click.echo(f"wrote {target / file}")
    enter = command_line("cd", target)
    click.echo(
        f"\nNow try it:\n  {enter}\n  pip install -e '.[test]'\n  pytest\n  pegboard plugins"
    )


def create(name: str, kind: str, directory: Path | None = None) -> tuple[Path, list[Path]]:
    """Write a plugin; return its directory, and its files relative to that.

    InvalidValue for a bad name, AlreadyExists if the directory holds anything.
    """
    files = render(name, kind)
    target = directory or Path(_distribution(name))
    try:
        if target.exists() and any(target.iterdir()):
            raise AlreadyExists(f"{target} is not empty.", hint="Choose another with --output.")
        for path, text in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise translate_os_error(error, target) from error
    return target, list(files)


def render(name: str, kind: str) -> dict[Path, str]:
    """Return the files of a plugin: relative paths and texts."""
    name = name.removeprefix("pegboard-")
    if _NAME.fullmatch(name) is None:
        raise InvalidValue(
            f"{name!r} cannot be the name of a plugin.",
            hint="Use lower-case letters, digits and hyphens, as in 'my-store'.",
        )
    chosen = _KINDS[kind]
    package = f"pegboard_{name.replace('-', '_')}"
    values = {
        "name": name,
        "distribution": _distribution(name),
        "package": package,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "title": chosen.title,
        "dependencies": chosen.dependencies,
        "try_it": Template(chosen.try_it).substitute(name=name),
    }
    source, module, tests = Path("src") / package, chosen.module, Path("tests")
    texts = {
        Path("pyproject.toml"): "pyproject.toml.txt",
        Path("README.md"): "README.md.txt",
        source / "plugin.py": f"{kind}/plugin.py.txt",
        source / f"{module}.py": f"{kind}/{module}.py.txt",
        tests / f"test_{module}.py": f"{kind}/test_{module}.py.txt",
    }
    templates = resources.files("pegboard_testing") / "templates"
    files = {
        path: Template(templates.joinpath(template).read_text("utf-8")).substitute(values)
        for path, template in texts.items()
    }
    files[source / "__init__.py"] = f'"""{chosen.title} for pegboard."""\n'
    files[source / "py.typed"] = ""
    return files


def _distribution(name: str) -> str:
    return f"pegboard-{name.removeprefix('pegboard-')}"
