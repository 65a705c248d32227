"""``pegboard recipes``: runs, plans, shows and begins recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_stores import formats, tables

from pegboard_recipes import digests, failures, places, running
from pegboard_recipes.api import Recipe, planner_named
from pegboard_recipes.planning import Planner
from pegboard_recipes.running import Outcome, Told
from pegboard_recipes.step import Done

if TYPE_CHECKING:
    from pegboard_recipes.comparing import Difference

_REJECTED, _FAILED = 3, 1
_MOST = 8
"""Changes of one tab that are shown, unless all are asked for."""

_profile = click.option(
    "--profile",
    "-p",
    help="The file in profiles/ with the values to use, without '.yaml'.  [default: what "
    "MLFLOW_RECIPES_PROFILE says]",
)


@click.group(
    "recipes",
    epilog=output.examples(
        "pegboard recipes new --template regression my-model",
        "pegboard recipes run -p local",
        "pegboard recipes plan -p local",
        "pegboard recipes run -p local -s predict",
    ),
)
def recipes() -> None:
    """Take a project from data to a registered model, in steps that are kept.

    A recipe is a directory with recipe.yaml, profiles/ and steps/, as MLflow's recipes have it.
    """


@recipes.command(
    epilog=output.examples(
        "pegboard recipes run -p local",
        "pegboard recipes run -p local -s train",
        "pegboard recipes run -p local --json",
    )
)
@_profile
@click.option("--step", "-s", metavar="STEP", help="Run it and what leads to it; by default all.")
@click.option("--open", "opens", is_flag=True, help="Open the card of the last step in a browser.")
@output.json_option
def run(profile: str | None, step: str | None, opens: bool, as_json: bool) -> None:
    """Run the steps whose code, configuration or data changed.

    Exits with 0 if all is done, 3 if the model misses its validation criteria, 1 if a step fails
    or a file is missing, 2 if recipe.yaml or the command is wrong: then nothing has run.
    """
    ctx = click.get_current_context()
    open_host(ctx, creates_stores=True)
    planner = planner_named(profile)
    outcome = _outcome(planner, step, None if as_json else _tell)
    if as_json:
        output.print_json(outcome.plain())
    else:
        _print(outcome)
    if opens and outcome.steps:
        _open(planner.places.outputs(outcome.steps[-1].step) / places.CARD)
    if outcome.error is not None:
        if as_json:
            output.note(str(outcome.error))
            ctx.exit(_FAILED)
        # What is wrong with a value is a step's failure here, not a misuse of the command.
        raise failures.StepFailed(outcome.error.message, hint=outcome.error.hint)
    if outcome.rejected:
        ctx.exit(_REJECTED)


def _outcome(planner: Planner, step: str | None, told: Told | None) -> Outcome:
    """Run a recipe; a process that may end suddenly does so, if any step has to run."""
    kept = running.unchanged(planner, step, told)
    if kept is not None:
        return kept
    from pegboard_recipes import watching

    try:
        ended = watching.watched()
    except watching.Ended as found:
        error = failures.ended(found, planner)
        if planner.places.begun_by(found.pid):
            from pegboard_recipes import leftovers

            leftovers.keep_end(planner, error, killed=found.believed)
        if found.believed:
            click.get_current_context().exit(found.code)
        raise error from None
    try:
        return running.run(planner, step, told)
    except KeyboardInterrupt:
        output.note("Broken off. What is done is kept: run it again to go on.")
        raise
    finally:
        ended()


def _open(card: Path) -> None:
    import webbrowser

    webbrowser.open(card.as_uri())


def _tell(done: Done) -> None:
    if done.error:
        output.note(f"{done.step}: failed after {done.seconds:.1f} s")
    elif done.ran:
        output.note(f"{done.step}: done in {done.seconds:.1f} s ({done.reason})")
        for each in done.notes:
            output.note(f"  {each}")
    else:
        output.note(f"{done.step}: no changes")


def _print(outcome: Outcome) -> None:
    if outcome.criteria and any(each.step == "evaluate" for each in outcome.steps):
        columns = [
            tables.Column("Metric", style="bold"),
            tables.Column("Test", right=True),
            tables.Column("Threshold", right=True),
            tables.Column("Validated", styles={"yes": "green", "no": "red"}),
        ]
        rows = [
            [
                each["metric"],
                "NaN" if each["value"] is None else formats.number(each["value"]),
                f"{'≥' if each['greater_is_better'] else '≤'} {formats.number(each['threshold'])}",
                "yes" if each["validated"] else "no",
            ]
            for each in outcome.criteria
        ]
        tables.note_hidden(tables.print_table(columns, rows))
    facts = []
    if outcome.run_id:
        facts.append(("Run", outcome.run_id))
    if outcome.run_id and not outcome.error:
        facts.append(("Status", outcome.status))
    if outcome.model:
        facts.append(("Model", f"models:/{outcome.model['name']}/{outcome.model['version']}"))
    if facts:
        output.print_record(facts)
    if outcome.rejected:
        output.note("The model misses its criteria, so it was not registered.")
    if outcome.steps and not outcome.error:
        last = outcome.steps[-1].step
        shown = command_line(
            "pegboard", "recipes", "inspect", "-p", outcome.profile, "-s", last, "--open"
        )
        output.note(f"The card of {last}: {shown}")


@recipes.command(
    epilog=output.examples(
        "pegboard recipes plan -p local", "pegboard recipes plan -p local -s train"
    )
)
@_profile
@click.option("--step", "-s", metavar="STEP", help="As far as this step.")
@output.json_option
def plan(profile: str | None, step: str | None, as_json: bool) -> None:
    """Say which steps would run and why; nothing is done."""
    planner = planner_named(profile)
    running.settle(planner)
    found = planner.plan(step)
    if as_json:
        plain = [
            {"step": each.step, "runs": each.runs, "reasons": list(each.reasons)} for each in found
        ]
        output.print_json(plain)
        return
    columns = [
        tables.Column("Step", style="bold"),
        tables.Column("Runs", styles={"yes": "yellow", "no": "dim"}),
        tables.Column("Why"),
    ]
    rows = [[each.step, "yes" if each.runs else "no", each.reason] for each in found]
    tables.note_hidden(tables.print_table(columns, rows))


@recipes.command(
    epilog=output.examples(
        "pegboard recipes inspect -p local", "pegboard recipes inspect -p local -s train --open"
    )
)
@_profile
@click.option("--step", "-s", metavar="STEP", help="Show what came of this step.")
@click.option("--open", "opens", is_flag=True, help="Open its card in a browser.")
@output.json_option
def inspect(profile: str | None, step: str | None, opens: bool, as_json: bool) -> None:
    """Show what became of each step, or of one."""
    recipe = Recipe(profile)
    running.settle(recipe.planner())
    if step is None:
        _print_states(recipe, as_json)
        return
    card = recipe.card(step)
    facts = card.with_suffix(".json").read_text(encoding="utf-8")
    if opens:
        _open(card)
    if as_json:
        click.echo(facts)
    else:
        _print_card(facts)
        output.note(f"The card: {card}")


def _print_card(text: str) -> None:
    import json

    known = json.loads(text)
    for tab in known["tabs"]:
        if known["failed"] or tab["title"] == "Run Summary":
            for part in tab["parts"]:
                if part["kind"] == "facts":
                    output.print_record([(name, value) for name, value in part["facts"]])
                elif part["kind"] == "text":
                    click.echo(part["text"])
    numbers = {name: value for name, value in known["facts"].items() if isinstance(value, dict)}
    for part, metrics in numbers.items():
        if metrics and all(isinstance(value, (int, float)) for value in metrics.values()):
            output.heading(part)
            pairs = [(name, formats.number(value)) for name, value in sorted(metrics.items())]
            output.print_record(pairs, indent="  ")


def _print_states(recipe: Recipe, as_json: bool) -> None:
    found = recipe.states()
    if as_json:
        plain = [
            {"step": name, "status": state.status, "when": state.when, "seconds": state.seconds}
            for name, state in found
        ]
        output.print_json(plain)
        return
    columns = [
        tables.Column("Step", style="bold"),
        tables.Column("Status", styles={"SUCCEEDED": "green", "FAILED": "red", "UNKNOWN": "dim"}),
        tables.Column("Seconds", right=True),
    ]
    rows = [
        [name, state.status, f"{state.seconds:.1f}" if state.seconds else "-"]
        for name, state in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))


@recipes.command(
    epilog=output.examples(
        "pegboard recipes diff 79adfe83db137aa2da42cc5ce332c7ff d01419b3a4a787d3608146136713dc89",
        "pegboard recipes diff RUN RUN -p local --html diff.html",
    )
)
@click.argument("run")
@click.argument("other")
@click.option("--profile", "-p", help="Look where this profile of the recipe tracks to.")
@click.option("--step", "-s", metavar="STEP", help="Only this step.")
@click.option("--all", "everything", is_flag=True, help="Show every change of each tab.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write a page to this file.")
@output.json_option
def diff(
    run: str,
    other: str,
    profile: str | None,
    step: str | None,
    everything: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """Say what differs between the cards of two runs: data, parameters, metrics.

    Tabs that show a few rows of data are left out, and so is what differs between any two runs.
    """
    from pegboard_recipes import api

    open_host(click.get_current_context())
    found = Recipe(profile).diff(run, other) if profile else api.diff(run, other)
    if step is not None:
        found = found.only(step)
    if page is not None:
        digests.write_whole(page, found.html())
        output.note(f"Wrote {page}.")
    if as_json:
        output.print_json(found.plain())
    elif page is None:
        _print_difference(found, None if everything else _MOST)


def _print_difference(found: Difference, most: int | None) -> None:
    if not found.steps:
        output.note("The cards of both runs say the same.")
        return
    for step, changes in found.steps.items():
        output.heading(step)
        columns = [
            tables.Column("What"),
            tables.Column("Before", right=True),
            tables.Column("After", right=True),
            tables.Column("By", right=True),
        ]
        for title in dict.fromkeys(each.tab for each in changes):
            of_tab = [each for each in changes if each.tab == title]
            rows = [
                [each.what, _shown(each.before), _shown(each.after), _shown(each.by)]
                for each in of_tab[:most]
            ]
            columns[0] = tables.Column(title, style="bold")
            tables.note_hidden(tables.print_table(columns, rows))
            if most is not None and len(of_tab) > most:
                output.note(f"{len(of_tab) - most} more; --all shows them, --html FILE as a page.")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return formats.number(value)
    return "-" if value is None else str(value)


@recipes.command(epilog=output.examples("pegboard recipes clean -p local -s train"))
@_profile
@click.option("--step", "-s", metavar="STEP", help="Only this step's.")
def clean(profile: str | None, step: str | None) -> None:
    """Remove the results of steps; they run again the next time."""
    Recipe(profile).clean(step)


@recipes.command(
    "get-artifact", epilog=output.examples("pegboard recipes get-artifact -p local -a model")
)
@_profile
@click.option("--artifact", "-a", metavar="NAME", required=True, help="Which result.")
def get_artifact(profile: str | None, artifact: str) -> None:
    """Print where a result of a step is."""
    click.echo(Recipe(profile).artifact_path(artifact))


@recipes.command(epilog=output.examples("pegboard recipes new --template classification my-model"))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--template",
    "-t",
    type=click.Choice(["regression", "classification"]),
    required=True,
    help="What is to be predicted: a number, or a class.",
)
def new(directory: Path, template: str) -> None:
    """Begin a recipe in a new directory; it runs at once, on data of scikit-learn."""
    from pegboard_recipes import beginning

    made = beginning.begin(directory, template)
    output.note(f"{template} recipe in {made}. To run it:")
    click.echo(command_line("cd", directory))
    click.echo("pegboard recipes run -p local")
