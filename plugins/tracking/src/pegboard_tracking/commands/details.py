"""One run in full: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.entities import DatasetInput, Experiment, FileInfo, Run
from pegboard.errors import PegboardError
from pegboard_stores import formats, tables
from pegboard_stores.abilities import Waiting

if TYPE_CHECKING:
    from pegboard.host import Host

_SYSTEM_TAGS = ("mlflow.", "pegboard.")
_SYSTEM_METRICS = "system/"


def as_json(run: Run, experiment: Experiment | None) -> dict[str, Any]:
    """Return a run as JSON has it; times in milliseconds since 1970, UTC."""
    info = run.info
    return {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment_name": experiment.name if experiment else None,
        "status": info.status,
        "lifecycle_stage": info.lifecycle_stage,
        "user_id": info.user_id,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "artifact_uri": info.artifact_uri,
        "metrics": run.data.metrics,
        "params": run.data.params,
        "tags": run.data.tags,
        "datasets": [_dataset(item) for item in run.inputs.dataset_inputs],
    }


def _dataset(item: DatasetInput) -> dict[str, Any]:
    return {
        "name": item.dataset.name,
        "digest": item.dataset.digest,
        "source_type": item.dataset.source_type,
        "source": item.dataset.source,
        "tags": {tag.key: tag.value for tag in item.tags},
    }


def top_files(host: Host, uri: str) -> list[FileInfo] | str:
    """Return the files below a URI, directories not opened; or why they cannot be listed."""
    try:
        return host.artifact_store(uri).list()
    except PegboardError as error:
        return error.message


def print_run(run: Run, experiment: Experiment, files: list[FileInfo] | str) -> None:
    """Print a run in sections; empty ones are left out."""
    info = run.info
    facts = [
        ("name", info.run_name),
        ("id", info.run_id),
        ("experiment", f"{experiment.name} (id {experiment.experiment_id})"),
        ("status", info.status),
        ("started", f"{formats.moment(info.start_time)} ({formats.age(info.start_time)})"),
        ("ended", formats.moment(info.end_time)),
        ("duration", formats.duration(info.start_time, info.end_time)),
        ("user", info.user_id or "-"),
        ("artifacts", info.artifact_uri),
    ]
    if info.lifecycle_stage != "active":
        facts.insert(4, ("stage", info.lifecycle_stage))
    output.print_record(facts)
    _print_metrics(run)
    _section("Params", sorted(run.data.params.items()))
    tags = sorted(run.data.tags.items())
    _section("Tags", [tag for tag in tags if not tag[0].startswith(_SYSTEM_TAGS)])
    _section("Datasets", [_dataset_line(item) for item in run.inputs.dataset_inputs])
    _print_files(files)
    _section("Context", [tag for tag in tags if tag[0].startswith(_SYSTEM_TAGS)])


def print_waiting(waiting: Waiting) -> None:
    """Say what of a run is not in the store yet."""
    points = formats.counted(waiting.points, "point")
    others = formats.counted(waiting.requests, "other request")
    output.note(
        f"Not shown: {points} and {others} wait in {waiting.place}. "
        "'pegboard sync' sends what ended processes left."
    )


def _section(title: str, pairs: Sequence[tuple[str, object]]) -> None:
    if pairs:
        click.echo()
        output.heading(title)
        output.print_record(pairs, indent="  ")


def _print_metrics(run: Run) -> None:
    points = sorted(
        run.data.latest.values(), key=lambda p: (p.key.startswith(_SYSTEM_METRICS), p.key)
    )
    if not points:
        return
    click.echo()
    output.heading("Metrics (last values)")
    tables.print_table(
        [
            tables.Column("Key"),
            tables.Column("Value", right=True, style="bold"),
            tables.Column("Step", right=True),
            tables.Column("At"),
        ],
        [[p.key, formats.number(p.value), p.step, formats.moment(p.timestamp)] for p in points],
    )


def _dataset_line(item: DatasetInput) -> tuple[str, str]:
    context = ", ".join(tag.value for tag in item.tags)
    facts = [f"digest {item.dataset.digest}", f"from {item.dataset.source_type}", context]
    return item.dataset.name, ", ".join(filter(None, facts))


def _print_files(files: list[FileInfo] | str) -> None:
    if isinstance(files, str):
        _section("Artifacts", [("cannot be listed:", files)])
    else:
        _section("Artifacts", list(file_lines(files)))


def file_lines(files: Iterable[FileInfo]) -> Iterable[tuple[str, str]]:
    """Yield path and size of files; a directory ends with a slash."""
    for file in files:
        yield (f"{file.path}/", "") if file.is_dir else (file.path, formats.size(file.file_size))
