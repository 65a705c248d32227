"""``pegboard runs``."""

from __future__ import annotations

from itertools import chain, islice

import click
from attrs import asdict
from pegboard import host
from pegboard.cli import output
from pegboard.entities import Run
from pegboard.errors import command_line
from pegboard_stores import named_runs, tables
from pegboard_stores.abilities import Outbox

from pegboard_tracking.commands import columns, common, details, nothing, printing
from pegboard_tracking.commands.compare import compare
from pegboard_tracking.commands.export import export


@click.group(epilog=output.examples("pegboard runs list", "pegboard runs show 'rate 0.3'"))
def runs() -> None:
    """List, compare and export runs. Each is named by its id, the start of it, or its name."""


runs.add_command(compare)
runs.add_command(export)


@runs.command(
    "list",
    epilog=output.examples(
        'pegboard runs list --filter "metrics.r2 > 0.4" --order-by "metrics.r2 DESC"',
        'pegboard runs list -x my-experiment --columns "name,metrics.*,params.alpha"',
    ),
)
@common.filter_option
@common.order_option
@common.experiment_option
@common.limit_option(100)
@common.view_option
@click.option(
    "--columns",
    "names",
    metavar="NAMES",
    help="What to show, separated by commas: name, id, experiment, status, started, ended, "
    "duration, user, stage, artifacts, metrics.KEY, params.KEY, tags.KEY; KEY may be a pattern.",
)
@output.json_option
def list_runs(
    filter_text: str,
    order_by: tuple[str, ...],
    experiments: tuple[str, ...],
    limit: int,
    view: str,
    names: str | None,
    as_json: bool,
) -> None:
    """List runs, the last started first.

    Shown are the metrics that most runs have and the params that tell the runs apart.
    """
    store = common.open_store()
    chosen = common.chosen_experiments(store, experiments, common.view_of(view))
    found = common.matching_runs(
        store,
        list(chosen),
        filter_text=filter_text,
        order_by=order_by,
        view=common.view_of(view),
        limit=limit + 1,
    )
    first = next(found, None)
    if first is None:
        output.note("No run matches.")
        nothing.explain_runs(store, chosen, filter_text, common.view_of(view))
    found = chain([] if first is None else [first], found)
    if as_json:
        printing.print_json_array(
            details.as_json(run, chosen.get(run.info.experiment_id)) for run in islice(found, limit)
        )
        return
    shown = list(islice(found, limit))
    if not shown:
        return
    picked = columns.columns_of(shown, chosen, names, " ".join((filter_text, *order_by)))
    hidden = tables.print_table(
        [column.look for column in picked],
        [[column.text(run) for column in picked] for run in shown],
    )
    tables.note_hidden(hidden)
    if next(found, None) is not None:
        output.note(f"More runs match than these {limit}; see --limit.")


@runs.command(epilog=output.examples("pegboard runs show 'rate 0.3'"))
@click.argument("run")
@output.json_option
def show(run: str, as_json: bool) -> None:
    """Show everything about one run."""
    store = common.open_store()
    found = named_runs.find(store, run)
    experiment = store.get_experiment(found.info.experiment_id)
    outbox = store.ability(Outbox)
    waiting = None if outbox is None else outbox.waiting(found.info.run_id)
    if as_json:
        left = None if waiting is None else asdict(waiting)
        output.print_json(details.as_json(found, experiment) | {"waiting": left})
        return
    details.print_run(
        found, experiment, details.top_files(host.current(), store.located(found.info.artifact_uri))
    )
    if waiting is not None:
        details.print_waiting(waiting)


@runs.command(epilog=output.examples("pegboard runs delete 'rate 0.1'"))
@click.argument("run", nargs=-1, required=True)
@output.json_option
def delete(run: tuple[str, ...], as_json: bool) -> None:
    """Mark runs as deleted.

    'pegboard runs restore' undoes it, until 'pegboard gc' removes them for good.
    """
    store = common.open_store()
    found = [named_runs.find(store, reference) for reference in run]
    for each in found:
        store.delete_run(each.info.run_id)
    _done("Deleted", found, as_json)
    if not as_json:
        ids = [each.info.run_id for each in found]
        click.echo(f"Undo: {command_line('pegboard', 'runs', 'restore', *ids)}")


@runs.command(epilog=output.examples("pegboard runs restore 'rate 0.1'"))
@click.argument("run", nargs=-1, required=True)
@output.json_option
def restore(run: tuple[str, ...], as_json: bool) -> None:
    """Bring back deleted runs."""
    store = common.open_store()
    found = [named_runs.find(store, reference) for reference in run]
    for each in found:
        store.restore_run(each.info.run_id)
    _done("Restored", found, as_json)


def _done(verb: str, found: list[Run], as_json: bool) -> None:
    if as_json:
        output.print_json({"run_ids": [run.info.run_id for run in found]})
        return
    for run in found:
        click.echo(f"{verb} the run {output.clean(run.info.run_name)} ({run.info.run_id}).")
