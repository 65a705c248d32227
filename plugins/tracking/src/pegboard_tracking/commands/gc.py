"""``pegboard gc``: remove for good what was deleted, and free its space."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
from pegboard import host
from pegboard.cli import formats, output
from pegboard.entities import RunInfo

from pegboard_tracking.commands import common
from pegboard_tracking.gc import Collector, Removed


@click.command()
@click.option(
    "--older-than",
    metavar="TIME",
    help="Only what was deleted at least so long ago: 30d, 12h, 1h30m.",
)
@common.experiment_option
@click.option(
    "--run-id", "runs", multiple=True, metavar="ID", help="Only this run; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output.json_option
@click.pass_context
def gc(
    ctx: click.Context,
    older_than: str | None,
    experiments: tuple[str, ...],
    runs: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove deleted runs and experiments for good, with their files, and free the space.

    This cannot be undone. If it is interrupted, run it again. The exit code is 1 if the files of
    a run could not be removed; that run is kept.
    """
    before = _cutoff(older_than)
    store = common.open_store()
    collector = Collector(store, host.current().artifact_store)
    chosen = {common.find_experiment(store, name).experiment_id for name in experiments}
    run_ids = {common.find_run(store, name).info.run_id for name in runs}

    def doomed() -> Iterator[RunInfo]:
        return collector.runs(deleted_before=before, experiment_ids=chosen, run_ids=run_ids)

    # Named runs are all that is to go, so experiments stay.
    finding = () if runs else collector.experiments(deleted_before=before, experiment_ids=chosen)
    emptied = list(finding)
    count = sum(1 for _ in doomed())
    if dry_run:
        _announce(collector, doomed(), count, [each.name for each in emptied], as_json)
        return
    if count or emptied:
        _confirm(count, len(emptied), yes)
    removed = _remove(collector, doomed(), count)
    gone = [each.name for each in emptied if collector.remove_experiment(each)]
    _report(removed, gone, collector.reclaim(), store.reclaim(), as_json)
    if not all(each.purged for each in removed):
        ctx.exit(1)


def _cutoff(older_than: str | None) -> int | None:
    if older_than is None:
        return None
    return int((time.time() - formats.parse_duration(older_than)) * 1000)


def _confirm(runs: int, experiments: int, yes: bool) -> None:
    if yes:
        return
    what = f"{formats.counted(runs, 'run')} and {formats.counted(experiments, 'experiment')}"
    question = f"Remove {what} with all files for good?"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to ask; say so with --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort


def _announce(
    collector: Collector,
    runs: Iterator[RunInfo],
    count: int,
    experiments: list[str],
    as_json: bool,
) -> None:
    ids, total = [], 0
    with output.progress("Measuring", count) as advance:
        for info in runs:
            size = collector.size(info)
            ids.append(info.run_id)
            total += size
            advance(1)
            if not as_json:
                name = output.clean(info.run_name)
                click.echo(f"would remove the run {info.run_id} ({name}), {formats.size(size)}")
    if as_json:
        output.print_json(_facts(ids, experiments, total, 0, [], dry_run=True))
        return
    for name in experiments:
        click.echo(f"would remove the experiment {output.clean(name)}, unless it has other runs")
    click.echo(
        f"{formats.counted(len(ids), 'run')} with {formats.size(total)} of files, and "
        f"{formats.counted(len(experiments), 'experiment')}. Nothing was removed."
    )


def _remove(collector: Collector, runs: Iterator[RunInfo], count: int) -> list[Removed]:
    removed = []
    with output.progress("Removing", count) as advance:
        for info in runs:
            removed.append(collector.remove(info))
            advance(1)
    return removed


def _report(
    removed: Sequence[Removed], experiments: list[str], shared: int, freed: int, as_json: bool
) -> None:
    files = sum(each.bytes for each in removed) + shared
    gone = [each.run_id for each in removed if each.purged]
    notes = [each for each in removed if each.note]
    if as_json:
        output.print_json(_facts(gone, experiments, files, freed, notes, dry_run=False))
        return
    for each in notes:
        output.note(f"{each.run_id}: {'' if each.purged else 'kept: '}{each.note}")
    click.echo(
        f"Removed {formats.counted(len(gone), 'run')} and "
        f"{formats.counted(len(experiments), 'experiment')}. Freed "
        f"{formats.size(files + freed)}: {formats.size(files)} of files, "
        f"{formats.size(freed)} of the store."
    )


def _facts(
    runs: list[str],
    experiments: list[str],
    file_bytes: int,
    store_bytes: int,
    notes: Sequence[Removed],
    *,
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "runs": runs,
        "experiments": experiments,
        "file_bytes": file_bytes,
        "store_bytes": store_bytes,
        "bytes_freed": 0 if dry_run else file_bytes + store_bytes,
        "notes": [{"run_id": n.run_id, "kept": not n.purged, "note": n.note} for n in notes],
    }
