"""``pegboard run``: run a project, and record exactly what ran."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line

from pegboard_projects.commands.options import asking, flags, pairs

if TYPE_CHECKING:
    from pegboard_projects.contract import Outcome
    from pegboard_projects.planning import Plan, Request

_BY_SIGNAL = 128


@click.command(
    epilog=output.examples(
        "pegboard run . -P alpha=0.4",
        "pegboard run . -e train.py --dry-run",
        "pegboard run https://git.example.org/wine.git -v v1.2 -P alpha=0.4",
    )
)
@click.argument("uri")
@asking
@click.option("--experiment-name", metavar="NAME", help="The experiment; made if need be.")
@click.option("--experiment-id", metavar="ID", help="The experiment, by its id.")
@click.option("--run-name", metavar="NAME", help="The name of the run.")
@click.option("--run-id", metavar="RUN", help="Go on in this run, in place of a new one.")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would run, run nothing.")
@output.json_option
@click.pass_context
def run(ctx: click.Context, /, uri: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Run a project: a folder, a git repository (URL#FOLDER), or a zip file.

    A project says in MLproject, or in [tool.pegboard.project] of its pyproject.toml, how it is run;
    without either, each script is an entry point. Everything is checked before a run is created.
    The run holds parameters, code, environment and output. The exit code is the project's.
    """
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run.")
    request, place = request_of(uri, options), place_of(options)
    host = open_host(ctx, creates_stores=not dry_run)
    from pegboard_projects.planning import planned

    if dry_run:
        with planned(host, request, host.config.pegboard.tracking_uri) as plan:
            show_plan(plan, as_json=as_json)
        return
    ctx.exit(carry_out(request, place))


def request_of(uri: str, options: dict[str, Any]) -> Request:
    """Return what the options of a command ask for; a usage error if they cannot be."""
    from pegboard_projects.api import config_of
    from pegboard_projects.planning import Request

    return Request(
        uri=uri,
        entry_point=options["entry_point"],
        version=options["version"],
        parameters=pairs(options["parameters"], "-P"),
        backend=options["backend"],
        backend_config=config_of(options["backend_config"]),
        env_manager=options["env_manager"],
        storage_dir=options["storage_dir"],
        docker_args=flags(options["docker_args"], "-A"),
        build_image=options["build_image"],
    )


def place_of(options: dict[str, Any]) -> Any:
    """Return where the run goes."""
    from pegboard_projects.recording import Place

    if options["experiment_name"] and options["experiment_id"]:
        raise click.UsageError("Give either --experiment-name or --experiment-id.")
    if options["run_id"] and (options["experiment_name"] or options["experiment_id"]):
        raise click.UsageError("The run of --run-id has its experiment: give no other.")
    names = ("experiment_name", "experiment_id", "run_name", "run_id")
    return Place(**{name: options[name] for name in names})


def carry_out(request: Request, place: Any) -> int:
    """Run a project to its end, say how it went, and return the exit code."""
    from pegboard_projects import api, running
    from pegboard_projects.cancelling import by_signals

    began = time.monotonic()
    with by_signals() as cancelling:
        try:
            submitted = running.start(
                request, place, show=api.shown, told=_tell, cancelling=cancelling
            )
        except KeyboardInterrupt:
            return _BY_SIGNAL + cancelling.caught[0]
        caught = cancelling.wait()
    assert submitted.outcome is not None
    tell_end(submitted.run_id, submitted.outcome, time.monotonic() - began)
    return exit_code(submitted.outcome, caught)


def exit_code(outcome: Outcome, caught: int | None) -> int:
    """Return the exit code of a command that ran a project, or was ended by a signal."""
    if caught is not None:
        return _BY_SIGNAL + caught
    return 0 if outcome.status == "FINISHED" else outcome.code or 1


def _tell(plan: Plan, run_id: str) -> None:
    for note in plan.notes:
        output.note(output.clean(note))
    what = f"{plan.project.name}, entry point {plan.entry_point.name}"
    output.note(output.clean(f"Run {run_id}: {what}"))
    output.note(output.clean(f"$ {plan.command}"))


def tell_end(run_id: str, outcome: Outcome, seconds: float) -> None:
    """Say how a run ended; of the reason what it begins with, as the log says all of it."""
    sys.stdout.flush()
    reason, more, _ = outcome.reason.partition("\n")
    reason = f"{reason.rstrip(':.')}." if more else reason
    output.note(f"{outcome.status} after {seconds:.1f} s. {reason}".rstrip())
    output.note(f"Look at it: {command_line('pegboard', 'runs', 'show', run_id)}")


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """Print what would run."""
    environment = plan.environment
    facts = {
        "project": plan.project.name,
        "source": plan.source.name,
        "commit": plan.source.commit or "",
        "entry_point": plan.entry_point.name,
        "parameters": dict(plan.values),
        "command": plan.command,
        "directory": str(plan.source.directory),
        "env_manager": environment.manager,
        "environment": environment.key,
        "environment_is_there": environment.is_there,
        "backend": plan.backend,
        "notes": plan.notes,
    }
    if as_json:
        output.print_json(facts)
        return
    for note in plan.notes:
        output.note(output.clean(note))
    there = "is there" if environment.is_there else "has to be made"
    kept = f"{environment.key}, which {there}" if environment.key else "what is installed here"
    output.print_record(
        [
            ("project", plan.project.name),
            ("source", " ".join(filter(None, [plan.source.name, plan.source.commit]))),
            ("entry point", plan.entry_point.name),
            *((f"  {name}", value) for name, value in plan.values.items()),
            ("environment", f"{environment.manager}: {kept}"),
            ("runner", plan.backend),
            ("command", plan.command),
        ]
    )
