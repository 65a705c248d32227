"""``pegboard runs export``: runs or their metric histories, as CSV or JSON lines."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, Run
from pegboard_stores import formats, options

from pegboard_tracking.commands import common, details, nothing, printing

_HISTORY = ("run_id", "run_name", "experiment_id", "key", "step", "timestamp", "value")
_FACTS = (
    "run_id",
    "run_name",
    "experiment_id",
    "experiment_name",
    "status",
    "lifecycle_stage",
    "user_id",
    "start_time",
    "end_time",
    "artifact_uri",
)
_KINDS = ("metrics", "params", "tags")
_POINTS = 10_000

Row = Mapping[str, Any]


@click.command(
    epilog=output.examples(
        "pegboard runs export -x quickstart -o runs.csv",
        "pegboard runs export -x quickstart --history -o curves.csv",
    )
)
@common.filter_option
@common.order_option
@common.experiment_option
@common.limit_option(None)
@common.view_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "jsonl"]),
    help="CSV or JSON lines; by default what the name of the output says, else CSV.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
@options.output_option(
    "target",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    help="The file to write; it appears when it is complete. Default: standard output.",
)
@click.option("--history", is_flag=True, help="All points of all metrics, one a line.")
def export(
    filter_text: str,
    order_by: tuple[str, ...],
    experiments: tuple[str, ...],
    limit: int | None,
    view: str,
    kind: str | None,
    as_json: bool,
    target: str,
    history: bool,
) -> None:
    """Write runs as CSV or JSON lines.

    With --history it is their metrics, step by step. Times are in milliseconds since 1970, UTC.
    Values that are not finite read NaN, Infinity and -Infinity. Any number of runs can be
    exported; they are read page by page.
    """
    store = common.open_store()
    chosen = common.chosen_experiments(store, experiments, common.view_of(view))

    def runs() -> Iterator[Run]:
        return common.matching_runs(
            store,
            list(chosen),
            filter_text=filter_text,
            order_by=order_by,
            view=common.view_of(view),
            limit=limit,
        )

    if as_json or (kind or _kind_of(target)) == "jsonl":
        rows = _points(store, runs()) if history else _json_rows(runs(), chosen)
        write: Callable[[IO[str]], int] = lambda stream: _write_json(stream, rows)  # noqa: E731
    elif history:
        write = lambda stream: _write_csv(stream, _HISTORY, _points(store, runs()))  # noqa: E731
    else:
        fields = _fields(runs())
        write = lambda stream: _write_csv(stream, fields, _flat(runs(), chosen))  # noqa: E731
    with _opened(target) as stream:
        lines = write(stream)
    if not lines:
        nothing.explain_runs(store, chosen, filter_text, common.view_of(view))
    if target != "-":
        count = formats.counted(lines, "point" if history else "run")
        output.note(f"Wrote {count} to {formats.place(target)}")


def _kind_of(target: str) -> str:
    return "jsonl" if target.endswith((".jsonl", ".ndjson")) else "csv"


# -- what is written ---------------------------------------------------------------------------


def _json_rows(runs: Iterator[Run], experiments: Mapping[str, Experiment]) -> Iterator[Row]:
    return (details.as_json(run, experiments.get(run.info.experiment_id)) for run in runs)


def _fields(runs: Iterator[Run]) -> list[str]:
    """Return the columns of a CSV file of runs: a first reading, since they may all differ."""
    keys: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    with printing.progress("Collecting columns") as advance:
        for run in runs:
            keys["metrics"].update(run.data.latest)
            keys["params"].update(run.data.params)
            keys["tags"].update(run.data.tags)
            advance(1)
    return [*_FACTS, *(f"{kind}.{key}" for kind in _KINDS for key in sorted(keys[kind]))]


def _flat(runs: Iterator[Run], experiments: Mapping[str, Experiment]) -> Iterator[Row]:
    for row in _json_rows(runs, experiments):
        flat = {name: row[name] for name in _FACTS}
        for kind in _KINDS:
            flat |= {f"{kind}.{key}": value for key, value in row[kind].items()}
        yield flat


def _points(store: TrackingStore, runs: Iterator[Run]) -> Iterator[Row]:
    for run in runs:
        info = run.info
        for key in sorted(run.data.latest):
            history = partial(store.metric_history, info.run_id, key, max_results=_POINTS)
            for point in paging.items(history):
                values = (key, point.step, point.timestamp, point.value)
                yield dict(
                    zip(
                        _HISTORY,
                        (info.run_id, info.run_name, info.experiment_id, *values),
                        strict=True,
                    )
                )


# -- writing -----------------------------------------------------------------------------------


def _write_json(stream: IO[str], rows: Iterator[Row]) -> int:
    lines = 0
    with printing.progress("Exporting") as advance:
        for row in rows:
            text = json.dumps(output.json_ready(row), ensure_ascii=False, allow_nan=False)
            stream.write(text + "\n")
            lines += 1
            advance(1)
    return lines


def _write_csv(stream: IO[str], fields: list[str] | tuple[str, ...], rows: Iterator[Row]) -> int:
    # A run that was added after the columns were collected may have others: they are left out.
    writer = csv.DictWriter(stream, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    lines = 0
    with printing.progress("Exporting") as advance:
        for row in rows:
            writer.writerow({name: _csv_value(value) for name, value in row.items()})
            lines += 1
            advance(1)
    return lines


def _csv_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return formats.not_finite(value)
    return value


@contextlib.contextmanager
def _opened(target: str) -> Iterator[IO[str]]:
    """Give a stream; a file takes its name only when it was written to the end."""
    if target == "-":
        yield sys.stdout
        return
    path = Path(target)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
