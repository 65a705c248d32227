"""``pegboard plugins new``: writes a plugin that works, to start from."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from string import Template

import click
from attrs import frozen
from pegboard.cli import output
from pegboard.errors import AlreadyExists, InvalidValue, command_line, translate_os_error
from pegboard_stores import options

_NAME = re.compile(r"[a-z][a-z0-9]+(-[a-z0-9]+)*")
_VERSIONS = ">=0.1,<0.2"
_RECORDED = "recorded."
"""What the names of templates begin with that go into the folder ``tests/recorded``."""


@frozen
class _Kind:
    """A kind of plugin: what it is called, how a user tries it, and what it needs."""

    title: str
    try_it: str
    needs: Sequence[str] = ()
    """Distributions that it needs beside ``pegboard``."""
    test_needs: Sequence[str] = ()
    """Distributions that its tests need beside ``pegboard-testing``."""


KINDS = {
    "tracking-store": _Kind(
        "A tracking store",
        "pegboard --tracking-uri $name:place doctor",
        ["attrs>=23.2", f"pegboard-stores{_VERSIONS}"],
    ),
    "artifact-store": _Kind(
        "An artifact store",
        "pegboard experiments create first --artifact-location $name:place  "
        "# needs pegboard-tracking",
    ),
    "flavor": _Kind(
        "A model flavor",
        "python -c 'import pegboard; print(pegboard.$identifier.log_model)'",
        ["numpy>=1.26", f"pegboard-models{_VERSIONS}"],
        ["pandas>=2.1", "pegboard-tracking"],
    ),
    "provider": _Kind(
        "A provider of language models",
        'python -c \'import pegboard; print(pegboard.llm.complete("$name:/small", "Hello"))\'',
        ["attrs>=23.2", f"pegboard-llm{_VERSIONS}"],
        ["pegboard-testing[llm]"],
    ),
    "evaluator": _Kind(
        "An evaluator of models",
        "pegboard plugins list",
        ["attrs>=23.2"],
    ),
    "endpoint": _Kind(
        "HTTP endpoints",
        "pegboard server           # then open /api/$name/0/latest",
        ["attrs>=23.2", f"pegboard-wire{_VERSIONS}"],
        ["pegboard-tracking"],
    ),
    "page": _Kind(
        "A page of the web interface",
        "pegboard ui               # then open /p/$name",
        [f"pegboard-ui{_VERSIONS}"],
        ["pegboard-server", "pegboard-tracking", "pegboard-wire"],
    ),
    "command": _Kind("A command", "pegboard $name", ["click>=8.2"], ["pegboard-stores"]),
    "hook": _Kind(
        "Tags for each run",
        "pegboard runs list        # the runs have the tags",
        test_needs=["pegboard-tracking"],
    ),
    "autologger": _Kind(
        "An autologger",
        "python -c 'import pegboard; pegboard.autolog()'",
        ["numpy>=1.26", f"pegboard-models{_VERSIONS}"],
        ["pegboard-tracking"],
    ),
    "dataset-type": _Kind(
        "A kind of data",
        "python -c 'import pegboard; print(pegboard.data.from_$identifier)'",
        test_needs=["pegboard-tracking"],
    ),
    "gate": _Kind(
        "A gate for promotions",
        """echo '[registry]\ngates = { champion = ["$name"] }' >> pegboard.toml""",
        [f"pegboard-registry{_VERSIONS}"],
        ["pegboard-tracking"],
    ),
}
"""The kinds of plugins that ``pegboard plugins new`` writes; each has a directory of templates."""


@click.command(epilog=output.examples("pegboard plugins new my-store --kind tracking-store"))
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="tracking-store",
    show_default=True,
    metavar="KIND",
    help=f"What the plugin provides: {', '.join(KINDS)}.",
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
    identifier = name.replace("-", "_")
    if _NAME.fullmatch(name) is None or keyword.iskeyword(identifier):
        raise InvalidValue(
            f"{name!r} cannot be the name of a plugin.",
            hint="Use lower-case letters, digits and hyphens, as in 'my-store'.",
        )
    chosen = KINDS[kind]
    package = f"pegboard_{identifier}"
    values = {
        "name": name,
        "identifier": identifier,
        "variable": identifier.upper(),
        "distribution": _distribution(name),
        "package": package,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "title": chosen.title,
        "dependencies": _listed([f"pegboard{_VERSIONS}", *chosen.needs]),
        "test_dependencies": _listed(["pegboard-testing", *chosen.test_needs]),
        "try_it": Template(chosen.try_it).substitute(name=name, identifier=identifier),
    }
    source = Path("src") / package
    files = {path: Template(text).substitute(values) for path, text in _templates(kind, source)}
    files[source / "__init__.py"] = f'"""{chosen.title} for pegboard."""\n'
    files[source / "py.typed"] = ""
    return files


def _templates(kind: str, source: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a kind of plugin, and the templates of their texts."""
    templates = resources.files("pegboard_testing") / "templates"
    for name in ("pyproject.toml", "README.md"):
        yield Path(name), templates.joinpath(f"{name}.txt").read_text("utf-8")
    for template in sorted((templates / kind).iterdir(), key=lambda each: each.name):
        name = template.name.removesuffix(".txt")
        directory = Path("tests") if name.startswith("test_") else source
        if name.startswith(_RECORDED):
            # What a vendor documents, for the contract.
            directory, name = Path("tests") / "recorded", name.removeprefix(_RECORDED)
        if name.endswith(".js"):
            # What a page is made of lies in a folder of its own, all of which is served.
            directory = source / "page"
        yield directory / name, template.read_text("utf-8")


def _listed(names: Sequence[str]) -> str:
    """Return distributions as the items of a list in TOML, whose texts are JSON's."""
    return ", ".join(json.dumps(name) for name in sorted(names))


def _distribution(name: str) -> str:
    return f"pegboard-{name.removeprefix('pegboard-')}"
