"""``pegboard experiments``."""

from __future__ import annotations

from itertools import islice

import click
from pegboard.cli import output
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment
from pegboard.errors import command_line
from pegboard_scripting.fluent.experiments import DEFAULT_EXPERIMENT_ID
from pegboard_stores import formats, tables

from pegboard_tracking.commands import common, nothing

_NO_DEFAULT = (
    "warning: runs that name no experiment went into this one. Until it is restored, scripts need "
    "set_experiment, or PEGBOARD_EXPERIMENT_NAME, to start a run."
)


@click.group(
    epilog=output.examples("pegboard experiments list", "pegboard experiments create quickstart")
)
def experiments() -> None:
    """List, create and change experiments. Each is named by its name or its id."""


@experiments.command(
    "list", epilog=output.examples("pegboard experiments list --filter \"tags.team = 'blue'\"")
)
@common.filter_option
@common.order_option
@common.limit_option(100)
@common.view_option
@output.json_option
def list_experiments(
    filter_text: str, order_by: tuple[str, ...], limit: int, view: str, as_json: bool
) -> None:
    """List experiments, the last updated first."""
    store = common.open_store()
    found = common.all_experiments(
        store, common.view_of(view), filter_text=filter_text, order_by=order_by
    )
    shown = list(islice(found, limit))
    if not shown:
        output.note("No experiment matches.")
        nothing.explain_experiments(store, filter_text, common.view_of(view))
    if as_json:
        output.print_json(shown)
        return
    if not shown:
        return
    hidden = tables.print_table(
        [
            tables.Column("Name", style="bold", most=40),
            tables.Column("ID"),
            tables.Column("Stage", styles={"deleted": "yellow"}),
            tables.Column("Updated", optional=2),
            tables.Column("Created", optional=2),
            tables.Column("Tags", optional=3, most=40),
            tables.Column("Artifacts", optional=4),
        ],
        [_row(experiment) for experiment in shown],
    )
    tables.note_hidden(hidden)
    if next(found, None) is not None:
        output.note(f"There are more than these {limit}; see --limit.")


def _row(experiment: Experiment) -> list[object]:
    return [
        experiment.name,
        experiment.experiment_id,
        experiment.lifecycle_stage,
        formats.age(experiment.last_update_time),
        formats.age(experiment.creation_time),
        _tags(experiment),
        experiment.artifact_location,
    ]


def _tags(experiment: Experiment) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(experiment.tags.items()))


@experiments.command(
    epilog=output.examples("pegboard experiments create quickstart --tag team=blue")
)
@click.argument("name")
@click.option(
    "--artifact-location",
    metavar="URI",
    help="Where the files of its runs go, instead of the default.",
)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@output.json_option
def create(name: str, artifact_location: str | None, tags: tuple[str, ...], as_json: bool) -> None:
    """Create an experiment."""
    given = dict(common.key_value(tag) for tag in tags)
    made = common.open_store(create=True).create_experiment(
        name, artifact_location=artifact_location, tags=given
    )
    _done(made, as_json, f"Created the experiment {made.name!r} with the id {made.experiment_id}.")


@experiments.command(epilog=output.examples("pegboard experiments show quickstart"))
@click.argument("experiment")
@output.json_option
def show(experiment: str, as_json: bool) -> None:
    """Show one experiment."""
    found = common.find_experiment(common.open_store(), experiment)
    if as_json:
        output.print_json(found)
        return
    output.print_record(
        [
            ("name", found.name),
            ("id", found.experiment_id),
            ("stage", found.lifecycle_stage),
            ("created", formats.moment(found.creation_time)),
            ("updated", formats.moment(found.last_update_time)),
            ("artifacts", found.artifact_location),
            *((f"tag {key}", value) for key, value in sorted(found.tags.items())),
        ]
    )


@experiments.command(epilog=output.examples("pegboard experiments rename quickstart first-steps"))
@click.argument("experiment")
@click.argument("new_name")
@output.json_option
def rename(experiment: str, new_name: str, as_json: bool) -> None:
    """Give an experiment another name."""
    store = common.open_store()
    found = common.find_experiment(store, experiment)
    store.rename_experiment(found.experiment_id, new_name)
    _changed(store, found, as_json, f"Renamed the experiment {found.name!r} to {new_name!r}.")


@experiments.command(epilog=output.examples("pegboard experiments delete quickstart"))
@click.argument("experiment")
@output.json_option
def delete(experiment: str, as_json: bool) -> None:
    """Mark an experiment and its runs as deleted.

    'pegboard experiments restore' undoes it, until 'pegboard gc' removes them for good.
    """
    store = common.open_store()
    found = common.find_experiment(store, experiment)
    store.delete_experiment(found.experiment_id)
    undo = command_line("pegboard", "experiments", "restore", found.experiment_id)
    message = f"Deleted the experiment {found.name!r} (id {found.experiment_id}). Undo: {undo}"
    if found.experiment_id == DEFAULT_EXPERIMENT_ID:
        output.note(_NO_DEFAULT)
    _changed(store, found, as_json, message)


@experiments.command(epilog=output.examples("pegboard experiments restore quickstart"))
@click.argument("experiment")
@output.json_option
def restore(experiment: str, as_json: bool) -> None:
    """Bring back a deleted experiment and its runs."""
    store = common.open_store()
    found = common.find_experiment(store, experiment)
    store.restore_experiment(found.experiment_id)
    _changed(store, found, as_json, f"Restored the experiment {found.name!r}.")


@experiments.command(
    epilog=output.examples("pegboard experiments tag quickstart team=blue --remove draft")
)
@click.argument("experiment")
@click.argument("tags", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--remove", multiple=True, metavar="KEY", help="Remove this tag; may be repeated.")
@output.json_option
def tag(experiment: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Set or remove tags of an experiment."""
    if not tags and not remove:
        raise click.UsageError("Nothing to do: give KEY=VALUE or --remove KEY.")
    given = dict(common.key_value(text) for text in tags)
    store = common.open_store()
    found = common.find_experiment(store, experiment)
    if given:
        store.set_experiment_tags(found.experiment_id, given)
    for key in remove:
        store.delete_experiment_tag(found.experiment_id, key)
    _changed(store, found, as_json, f"Changed the tags of the experiment {found.name!r}.")


def _changed(store: TrackingStore, before: Experiment, as_json: bool, message: str) -> None:
    after = store.get_experiment(before.experiment_id) if as_json else before
    _done(after, as_json, message)


def _done(experiment: Experiment, as_json: bool, message: str) -> None:
    if as_json:
        output.print_json(experiment)
    else:
        click.echo(message)
