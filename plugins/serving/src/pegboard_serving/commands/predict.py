"""``pegboard models predict``: predict from a file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import InvalidValue, PegboardError, translate_os_error
from pegboard_stores import formats
from pegboard_stores.options import output_option

from pegboard_serving.commands.options import enter, of_model

if TYPE_CHECKING:
    from pegboard_serving.scorer import Scorer

_PIECE = 10_000
_TYPES = ("csv", "json", "jsonl")


@click.command(
    epilog=output.examples(
        "pegboard models predict -m models:/iris@champion -i irises.csv -o predicted.csv"
    )
)
@of_model
@click.option(
    "--input-path", "-i", metavar="FILE", help="The input.  [default: what comes on stdin]"
)
@output_option(
    "output_path",
    "--output-path",
    metavar="FILE",
    help="Where the predictions go; .csv, .json, .jsonl or .parquet says how.  [default: stdout]",
)
@click.option(
    "--output-format",
    type=click.Choice(["csv", "json", "jsonl", "parquet"]),
    help="How the predictions are written, whatever the file is called.",
)
@click.option(
    "--content-type",
    "-t",
    type=click.Choice(_TYPES),
    help="What the input is: a table, a body as for the scoring server, or one record on each "
    "line.  [default: as the name of the file ends, else json]",
)
@click.option(
    "--chunk-rows",
    metavar="COUNT",
    type=click.IntRange(min=0),
    help="Predict for so many rows at a time; 0: for all at once.  [default: "
    f"{_PIECE} if the model's kind predicts each row by itself, else 0]",
)
@click.pass_context
def predict(
    ctx: click.Context,
    /,
    model_uri: str,
    trust: tuple[str, ...],
    env_manager: str,
    input_path: str | None,
    output_path: str | None,
    output_format: str | None,
    content_type: str | None,
    chunk_rows: int | None,
) -> None:
    """Predict from a file of CSV or JSON; write CSV, JSON or Parquet.

    Tables and lines are read and written in pieces, so they may be larger than the memory. If
    nothing says how the predictions are to be written: from lines comes one on each line,
    else JSON: {"predictions": […]}.
    """
    from pegboard_models import local_copy

    from pegboard_serving import results

    if input_path is not None and not Path(input_path).is_file():
        raise InvalidValue(f"There is no file {input_path!r}.", hint="Check --input-path.")
    kind = content_type or _kind_of(input_path)
    form = results.form_of(output_path, output_format, "jsonl" if kind == "jsonl" else "json")
    host = open_host(ctx)
    directory = local_copy(model_uri)
    if env_manager == "uv":
        enter(ctx, directory)

    from pegboard_serving.loading import load
    from pegboard_serving.row_wise import is_row_wise
    from pegboard_serving.scorer import Scorer

    scorer = Scorer(load(directory, trust))
    if chunk_rows is None:
        chunk_rows = _PIECE if is_row_wise(host, directory) else 0
    with _input(input_path) as source, _output(output_path) as target, _explained():
        count = _predict(scorer, source, kind, chunk_rows or None, form, target)
    if output_path is not None:
        output.note(f"Wrote {formats.counted(count, 'prediction')} to {output_path}.")


def _kind_of(path: str | None) -> str:
    ending = Path(path or "").suffix.lower().lstrip(".")
    return ending if ending in _TYPES else "json"


def _predict(
    scorer: Scorer, source: IO[str], kind: str, rows: int | None, form: str, target: IO[bytes]
) -> int:
    """Predict and write; return how many predictions there were."""
    from pegboard_serving import answers, batch, results

    if kind == "csv":
        return results.write(form, batch.of_csv(scorer, source, rows), target)
    if kind == "jsonl":
        return results.write(form, batch.of_lines(scorer, source, rows), target)
    found, bare = batch.of_body(scorer, source.read())
    if not bare or form != "json":
        return results.write(form, [found], target)
    target.write(answers.dumps(found) + b"\n")
    return 1


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Make what the server would answer an error of the command line."""
    from pegboard_server import Failure

    from pegboard_serving.scorer import ModelFault, told

    try:
        yield
    except Failure as failure:
        raise InvalidValue(failure.message) from failure
    except ModelFault as fault:
        raise PegboardError(told(fault)) from fault
    except UnicodeDecodeError as error:
        raise InvalidValue("The input is not valid UTF-8.") from error


@contextlib.contextmanager
def _input(path: str | None) -> Iterator[IO[str]]:
    source = sys.stdin.fileno() if path is None else path
    with open(source, encoding="utf-8-sig", newline="", closefd=path is not None) as stream:
        yield stream


@contextlib.contextmanager
def _output(path: str | None) -> Iterator[IO[bytes]]:
    """Give where to write; a file appears when it is complete."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(target)
    except OSError as error:
        raise translate_os_error(error, target) from error
    finally:
        partial.unlink(missing_ok=True)
