"""``pegboard gc``: remove for good what was deleted, and free its space."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from pegboard import host
from pegboard.cli import output
from pegboard.contracts.registry import ModelRegistry
from pegboard.errors import InvalidState, UnknownScheme
from pegboard_stores import formats, named_runs

from pegboard_tracking.commands import common, printing
from pegboard_tracking.store.gc import Collector, Doomed, Kind, Removed


@click.command(epilog=output.examples("pegboard gc --older-than 30d --dry-run"))
@click.option(
    "--older-than",
    metavar="TIME",
    help="Only what was deleted at least this long ago: 30d, 12h, 1h30m.",
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
    """Remove what was deleted for good, with its files, and free the space.

    That is runs, logged models and experiments. It cannot be undone. If it is interrupted, run it
    again. What versions of registered models have their files in is kept, until they are deleted.
    The exit code is 1 if the files of a run or model could not be removed; it is kept then.
    """
    before = _cutoff(older_than)
    store = common.open_store()
    collector = Collector(store, host.current().artifact_store, _registry())
    chosen = {common.find_experiment(store, name).experiment_id for name in experiments}
    run_ids = {named_runs.find(store, name).info.run_id for name in runs}

    # Named runs are all that is to go, so models and experiments stay.
    finding = () if runs else collector.experiments(deleted_before=before, experiment_ids=chosen)
    going = list(finding)

    def found() -> Iterator[Doomed]:
        yield from collector.runs(deleted_before=before, experiment_ids=chosen, run_ids=run_ids)
        if not runs:
            yield from collector.models(deleted_before=before, experiment_ids=chosen, going=going)

    def doomed() -> Iterator[Doomed]:
        return collector.checked(found())

    kept = {each.id: each.kept for each in doomed() if each.needed_by}
    for run_id in run_ids & kept.keys():
        raise InvalidState(f"The run {run_id!r} stays, nothing was removed: {kept[run_id].note}")
    # An experiment stays with what is kept in it, and so do those of its models that are in use.
    going = [each for each in going if not collector.holds(each)]
    counts = Counter(each.kind for each in doomed() if not each.needed_by)
    if dry_run:
        names = [each.name for each in going]
        _announce(collector, doomed(), counts, names, [*kept.values()], as_json)
        return
    if counts or going:
        _confirm(_listed(counts, len(going)), yes)
    removed = _remove(collector, collector.claimed(found()), counts.total(), kept)
    gone = [each.name for each in going if collector.remove_experiment(each)]
    results = [*kept.values(), *removed]
    _report(results, gone, collector.reclaim(), store.reclaim(), as_json)
    if not all(each.purged for each in removed):
        ctx.exit(1)


def _registry() -> ModelRegistry | None:
    """Return the model registry whose versions need files; None if there is none."""
    here = host.current()
    try:
        return here.model_registry()
    except UnknownScheme:
        if here.config.pegboard.registry_uri or any(
            plugin.error for plugin in here.plugins.values()
        ):
            # There is one, but not for us to see now.
            raise
        return None


def _cutoff(older_than: str | None) -> int | None:
    if older_than is None:
        return None
    return int((time.time() - formats.parse_duration(older_than)) * 1000)


def _listed(counts: Mapping[Kind, int], experiments: int) -> str:
    owners = ", ".join(formats.counted(counts.get(kind, 0), kind) for kind in Kind)
    return f"{owners} and {formats.counted(experiments, 'experiment')}"


def _confirm(what: str, yes: bool) -> None:
    if yes:
        return
    question = f"Remove {what} with all files for good?"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to ask; say so with --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort


def _announce(
    collector: Collector,
    doomed: Iterator[Doomed],
    counts: Counter[Kind],
    experiments: list[str],
    kept: Sequence[Removed],
    as_json: bool,
) -> None:
    ids, total = _no_ids(), 0
    with printing.progress("Measuring", counts.total()) as advance:
        for each in doomed:
            if each.needed_by:
                continue
            size = collector.size(each)
            ids[each.kind].append(each.id)
            total += size
            advance(1)
            if not as_json:
                name = output.clean(each.name)
                click.echo(f"would remove the {each.kind} {each.id} ({name}), {formats.size(size)}")
    if as_json:
        output.print_json(_facts(ids, experiments, total, 0, kept, dry_run=True))
        return
    for stays in kept:
        click.echo(f"would keep the {stays.kind} {stays.id}: {stays.note}")
    for name in experiments:
        click.echo(f"would remove the experiment {output.clean(name)}, unless it has other runs")
    click.echo(
        f"{_listed(counts, len(experiments))}, with {formats.size(total)} of files. "
        "Nothing was removed."
    )


def _no_ids() -> dict[Kind, list[str]]:
    return {kind: [] for kind in Kind}


def _remove(
    collector: Collector, doomed: Iterator[Doomed], count: int, kept: dict[str, Removed]
) -> list[Removed]:
    removed = []
    with printing.progress("Removing", count) as advance:
        for each in doomed:
            if each.needed_by:
                kept[each.id] = each.kept
                continue
            removed.append(collector.remove(each))
            advance(1)
    return removed


def _report(
    removed: Sequence[Removed], experiments: list[str], shared: int, freed: int, as_json: bool
) -> None:
    files = sum(each.bytes for each in removed) + shared
    gone = _no_ids()
    for each in removed:
        if each.purged:
            gone[each.kind].append(each.id)
    notes = [each for each in removed if each.note]
    if as_json:
        output.print_json(_facts(gone, experiments, files, freed, notes, dry_run=False))
        return
    for each in notes:
        output.note(f"{each.id}: {'' if each.purged else 'kept: '}{each.note}")
    counts = {kind: len(ids) for kind, ids in gone.items()}
    click.echo(
        f"Removed {_listed(counts, len(experiments))}. Freed "
        f"{formats.size(files + freed)}: {formats.size(files)} of files, "
        f"{formats.size(freed)} of the store."
    )


def _facts(
    ids: Mapping[Kind, list[str]],
    experiments: list[str],
    file_bytes: int,
    store_bytes: int,
    notes: Sequence[Removed],
    *,
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "runs": ids[Kind.RUN],
        "logged_models": ids[Kind.MODEL],
        "experiments": experiments,
        "file_bytes": file_bytes,
        "store_bytes": store_bytes,
        "bytes_freed": 0 if dry_run else file_bytes + store_bytes,
        "notes": [{"id": n.id, "kept": not n.purged, "note": n.note} for n in notes],
    }
