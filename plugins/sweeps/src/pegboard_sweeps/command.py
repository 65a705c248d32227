"""``pegboard sweep``: try parameters of a project, and find the best."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import NoStore, command_line

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_sweeps.running import Done
    from pegboard_sweeps.sweep import Sweep
    from pegboard_sweeps.trials import Trial

_BY_SIGNAL = 128
_SHOWN = 1000
"""How many trials are shown that would be tried."""


@click.command(
    epilog=output.examples(
        "pegboard sweep sweep.yaml --dry-run",
        "pegboard sweep sweep.yaml --run-cap 50 --concurrency 4",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--run-cap", type=click.IntRange(1), metavar="N", help="How many trials at most.")
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N", help="How many trials run at a time."
)
@click.option("--experiment-name", metavar="NAME", help="The experiment; made if need be.")
@click.option("--run-name", metavar="NAME", help="The name of the sweep's run.")
@click.option(
    "--env-manager", metavar="MANAGER", help="What provides the environment, as for pegboard run."
)
@click.option("-b", "--backend", metavar="RUNNER", help="Where trials run.  [default: local]")
@click.option(
    "-c",
    "--backend-config",
    metavar="FILE|JSON",
    help="Settings of the runner: a JSON file, or JSON.",
)
@click.option("--retry-failed", is_flag=True, help="Try again what failed.")
@click.option("--new", is_flag=True, help="Begin anew, though there is a sweep to go on with.")
@click.option(
    "--take-over", is_flag=True, help="Go on, though another machine is said to carry it out."
)
@click.option(
    "--dry-run",
    "--plan",
    "dry_run",
    is_flag=True,
    help="Check everything, say what would be tried.",
)
@output.json_option
@click.pass_context
def sweep(ctx: click.Context, /, file: Path, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Try parameters of a project, and find the best: by grid, random or Bayesian search.

    FILE is a sweep as W&B describes it: 'program' or 'entry_point', 'method', 'metric',
    'parameters', 'early_terminate'. Each trial is a run inside the sweep's. The same command goes
    on where it stopped, whatever stopped it.
    """
    host = open_host(ctx, creates_stores=not dry_run)
    found = _read(file, options)
    if dry_run:
        _plan(host, found, options, as_json=as_json)
        return
    from pegboard_projects import by_signals

    from pegboard_sweeps import running, showing

    with by_signals() as cancelling:
        try:
            done = running.carry_out(found, _manner(options), showing.Lines(), cancelling)
        except KeyboardInterrupt:
            ctx.exit(_BY_SIGNAL + cancelling.caught[0])
    if as_json:
        output.print_json(showing.facts(done))
    else:
        showing.show_end(done)
    _say_how_to_go_on(done)
    if done.signal is not None:
        ctx.exit(_BY_SIGNAL + done.signal)
    ctx.exit(0 if done.status == "FINISHED" else 1)


def _read(file: Path, options: dict[str, Any]) -> Sweep:
    from pegboard_projects import config_of

    from pegboard_sweeps import reading

    config = options["backend_config"]
    return reading.overridden(
        reading.load(file, options["run_cap"]),
        concurrency=options["concurrency"],
        env_manager=options["env_manager"],
        backend=options["backend"],
        backend_config=None if config is None else config_of(config),
    )


def _manner(options: dict[str, Any]) -> Any:
    from pegboard_sweeps.resuming import Manner

    names = ("experiment_name", "run_name", "retry_failed", "new", "take_over")
    return Manner(**{name: options[name] for name in names})


def _say_how_to_go_on(done: Done) -> None:
    from pegboard_sweeps.trials import State

    if done.before:
        output.note("Nothing was left to be tried. A greater run_cap goes on; --new begins anew.")
    words = [word for word in sys.argv[1:] if word not in ("--new", "--take-over")]
    if done.signal is not None:
        output.note(f"Go on where it stopped: {command_line('pegboard', *words)}")
    elif done.status != "FINISHED" or done.count(State.FAILED):
        again = words if "--retry-failed" in words else [*words, "--retry-failed"]
        output.note(f"Try again what failed: {command_line('pegboard', *again)}")


def _plan(host: Host, found: Sweep, options: dict[str, Any], *, as_json: bool) -> None:
    """Print what would be tried, in the order of trials."""
    from pegboard_projects import opened

    from pegboard_sweeps import preparing, showing

    known = _known(found, options)
    with opened(host, found.code.uri, found.code.version) as project:
        uri = host.config.pegboard.tracking_uri
        found = preparing.checked(host, found, project, uri)
    coming = _coming(found, known, options["retry_failed"])
    if as_json:
        rows = [{"trial": number, "parameters": values} for number, values in coming.items()]
        output.print_json({"count": found.count, "known": len(known), "trials": rows})
        return
    for text in found.notes:
        output.note(output.clean(text))
    output.note(output.clean(f"The sweep: {showing.plan_of(found)}."))
    if known:
        output.note(f"Of an earlier call there are {showing.counted(known)}.")
    for name, parameter in found.parameters.items():
        output.note(output.clean(f"  {name}: {parameter.summary}"))
    for number, values in coming.items():
        said = "follows from the others" if values is None else "  ".join(_pairs(values))
        click.echo(output.clean(f"{number:>{len(str(found.count))}}  {said}"))


def _pairs(values: dict[str, Any]) -> list[str]:
    from pegboard_sweeps.distributions import text_of

    return [f"{name}={text_of(value)}" for name, value in values.items()]


def _known(found: Sweep, options: dict[str, Any]) -> dict[int, Trial]:
    """Return the trials of an earlier call that this one would go on from."""
    from pegboard_scripting.client import Client

    from pegboard_sweeps import resuming

    if options["new"]:
        return {}
    try:
        client = Client()
        parent = resuming.found(client, found, options["experiment_name"] or found.experiment)
        return {} if parent is None else resuming.known_trials(client, parent, found)
    except NoStore:
        return {}


def _coming(found: Sweep, known: dict[int, Trial], retry_failed: bool) -> dict[int, Any]:
    """Return the values of the trials that are to come; None where they follow from others."""
    from pegboard_sweeps import searching
    from pegboard_sweeps.trials import State

    again = [State.LOST, State.RUNNING, *([State.FAILED] if retry_failed else [])]
    coming: dict[int, Any] = {}
    for number in range(1, found.count + 1):
        trial = known.get(number)
        if trial is not None:
            if trial.state in again:
                coming[number] = dict(trial.values)
        elif found.method == "bayes":
            coming[number] = None
        else:
            coming[number] = searching.values(found, number, ())
        if len(coming) >= _SHOWN:
            break
    return coming
