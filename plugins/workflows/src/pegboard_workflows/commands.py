"""``pegboard workflows``: run, plan, show and draw workflows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_projects import pairs
from pegboard_stores import tables
from pegboard_stores.options import output_option

if TYPE_CHECKING:
    from pegboard_workflows.carrying_out import Asked, WorkflowRun
    from pegboard_workflows.deciding import Decision
    from pegboard_workflows.states import StepState, TaskState
    from pegboard_workflows.workflow import Workflow

_FAILED, _BY_SIGNAL = 1, 128
F = TypeVar("F", bound=Callable[..., Any])

_ASKING = (
    click.argument("uri", default="."),
    click.option(
        "-P", "--param-list", "parameters", multiple=True, metavar="NAME=VALUE",
        help="A parameter of the workflow; repeat it for more.",
    ),
    click.option(
        "-v", "--version", metavar="VERSION", help="A branch, tag or commit of a git repository."
    ),
    click.option("--experiment-name", metavar="NAME", help="The experiment; made if need be."),
    click.option("--force", is_flag=True, help="Run all steps, whether they changed or not."),
)  # fmt: skip


def _asking(function: F) -> F:
    for option in reversed(_ASKING):
        function = option(function)
    return function


@click.group(
    "workflows",
    epilog=output.examples(
        "pegboard workflows new demo",
        "pegboard workflows plan demo",
        "pegboard workflows run demo -P rows=500",
        "pegboard workflows graph demo --format svg -o graph.svg",
    ),
)
def workflows() -> None:
    """Run the steps of a project, and again only what changed.

    A workflow is a workflow.yaml, or [tool.pegboard.workflow] in a pyproject.toml: steps that run
    scripts or entry points of the project, with what they take from each other. A step whose code,
    parameters, inputs and environment are those of a finished run is taken from it.
    """


@workflows.command(
    epilog=output.examples(
        "pegboard workflows run .",
        "pegboard workflows run . --plan",
        "pegboard workflows run . -P rates='[0.1, 0.2]' --concurrency 2",
        "pegboard workflows run https://git.example.org/wine.git -v v1.2",
    )
)
@_asking
@click.option("--run-name", metavar="NAME", help="The name of the workflow's run.")
@click.option("-b", "--backend", metavar="RUNNER", help="Where all steps run.  [default: local]")
@click.option(
    "-c",
    "--backend-config",
    metavar="FILE|JSON",
    help="Settings of the runner: a JSON file, or JSON.",
)
@click.option("--env-manager", metavar="MANAGER", help="What provides the environments.")
@click.option(
    "--storage-dir",
    metavar="FOLDER",
    help="Where what steps are given is put, and what they make: one that the runner sees.  "
    "[default: a temporary folder]",
)
@click.option("--concurrency", type=click.IntRange(1), help="How many tasks run at a time.")
@click.option("--plan", "plans", is_flag=True, help="Say what would run and why; run nothing.")
@output.json_option
@click.pass_context
def run(ctx: click.Context, /, plans: bool, as_json: bool, **options: Any) -> None:
    """Run the steps that changed; after a failure, only what is left.

    Exits with 0 if all is done, 1 if a step fails, 128 and its number if a signal ends it.
    """
    open_host(ctx, creates_stores=not plans)
    asked = _asked(options)
    if plans:
        _plan(asked, as_json=as_json)
    else:
        ctx.exit(_carry_out(asked, as_json=as_json))


@workflows.command(
    epilog=output.examples("pegboard workflows plan .", "pegboard workflows plan . --json")
)
@_asking
@output.json_option
def plan(as_json: bool, **options: Any) -> None:
    """Say which steps would run and why, and what is wrong with the file; nothing is done."""
    open_host(click.get_current_context())
    _plan(_asked(options), as_json=as_json)


@workflows.command(epilog=output.examples("pegboard workflows resume RUN"))
@click.argument("run_id", metavar="RUN")
@click.option(
    "--take-over", is_flag=True, help="Go on, though another machine is said to carry it out."
)
@output.json_option
@click.pass_context
def resume(ctx: click.Context, run_id: str, take_over: bool, as_json: bool) -> None:
    """Go on in a workflow's run that did not finish, with its parameters.

    RUN is its id, the beginning of that, or its name. What a killed one left running is ended.
    """
    from pegboard_workflows.carrying_out import resumed

    open_host(ctx)
    ctx.exit(_carry_out(resumed(run_id, take_over=take_over), as_json=as_json))


@workflows.command(
    epilog=output.examples(
        "pegboard workflows graph .",
        "pegboard workflows graph . --format svg -o graph.svg",
        "pegboard workflows graph --run RUN",
    )
)
@_asking
@click.option("--run", "run_id", metavar="RUN", help="Draw a run of it, in place of its plan.")
@click.option(
    "--format", "kind", type=click.Choice(["text", "svg"]), default="text", show_default=True
)
@output_option("file", type=click.Path(path_type=Path), help="Write it to a file.")
def graph(run_id: str | None, kind: str, file: Path | None, **options: Any) -> None:
    """Draw the steps and what they take from each other, with their states."""
    from pegboard_workflows.graph import drawing

    open_host(click.get_current_context())
    if run_id is not None:
        steps = _states(run_id)
        nodes, edges = drawing.nodes_of(steps), drawing.edges_of(steps)
    else:
        nodes, edges = _planned_graph(_asked(options))
    text = drawing.svg(nodes, edges) if kind == "svg" else drawing.text(nodes, edges)
    if file is None:
        click.echo(text)
    else:
        file.write_text(text, "utf-8")
        output.note(f"Wrote {file}.")


@workflows.command(epilog=output.examples("pegboard workflows show RUN"))
@click.argument("run_id", metavar="RUN")
@output.json_option
def show(run_id: str, as_json: bool) -> None:
    """Show what became of each task of a workflow's run.

    RUN is its id, the beginning of that, or its name.
    """
    open_host(click.get_current_context())
    steps = _states(run_id)
    if as_json:
        output.print_json([step.plain() for step in steps])
    else:
        _print_tasks(steps)


@workflows.command("list", epilog=output.examples("pegboard workflows list --limit 5"))
@click.option("--limit", default=20, show_default=True, help="At most this many.")
@output.json_option
def list_runs(limit: int, as_json: bool) -> None:
    """List the runs of workflows, the newest first."""
    from pegboard_workflows.listing import newest

    open_host(click.get_current_context())
    rows = newest(limit)
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        output.note("There are no runs of workflows yet.")
        return
    output.print_columns(
        ["Run", "Workflow", "Status", "Began"],
        [(row["run_id"], row["workflow"], row["status"], row["began"]) for row in rows],
    )


@workflows.command(epilog=output.examples("pegboard workflows new demo"))
@click.argument("folder")
def new(folder: str) -> None:
    """Make a small workflow that runs, to begin from."""
    from pegboard_workflows.sample import write

    write(Path(folder))
    click.echo(f"Made {folder}.")
    output.note(f"Run it: {command_line('pegboard', 'workflows', 'run', folder)}")


def _asked(options: dict[str, Any]) -> Asked:
    from pegboard_projects import config_of

    from pegboard_workflows.carrying_out import Asked
    from pegboard_workflows.planner import Choices

    return Asked(
        uri=options["uri"],
        version=options["version"],
        parameters=pairs(options["parameters"], "-P"),
        choices=Choices(
            backend=options.get("backend"),
            backend_config=config_of(options.get("backend_config")),
            env_manager=options.get("env_manager"),
            storage_dir=options.get("storage_dir"),
            concurrency=options.get("concurrency"),
            force=options["force"],
        ),
        experiment_name=options["experiment_name"],
        run_name=options.get("run_name"),
    )


def _plan(asked: Asked, *, as_json: bool) -> None:
    from pegboard_workflows import carrying_out

    workflow, planner, found = carrying_out.plan(asked)
    if as_json:
        plain = [
            {
                "step": each.task.step.name,
                "task": each.task.label,
                "runs": each.runs,
                "reasons": list(each.reasons),
                "run_id": None if each.run is None else each.run.info.run_id,
                "code": str(planner.code_of(each.task.step)),
            }
            for each in found
        ]
        output.print_json(plain)
        return
    columns = [
        tables.Column("Task", style="bold"),
        tables.Column("Runs", styles={"yes": "yellow", "no": "dim"}),
        tables.Column("Why"),
    ]
    rows = [
        [output.clean(each.task.label), "yes" if each.runs else "no", output.clean(each.reason)]
        for each in found
    ]
    tables.note_hidden(tables.print_table(columns, rows))
    for said in dict.fromkeys(
        f"The code of {_which(workflow, step.code)}: {planner.code_of(step)}"
        for step in workflow.steps.values()
    ):
        output.note(output.clean(said))


def _which(workflow: Workflow, code: Sequence[str] | None) -> str:
    names = [step.name for step in workflow.steps.values() if step.code == code]
    return "all steps" if len(names) == len(workflow.steps) else ", ".join(names)


def _planned_graph(asked: Asked) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return the graph of what would run."""
    from pegboard_workflows import carrying_out
    from pegboard_workflows.graph.drawing import Node
    from pegboard_workflows.states import State

    workflow, _, found = carrying_out.plan(asked)
    nodes = []
    for step in workflow.steps:
        mine: list[Decision] = [each for each in found if each.task.step.name == step]
        run = sum(each.runs for each in mine)
        of = f" {run} of {len(mine)}" if len(mine) > 1 else ""
        said = f"would run{of}" if run else "no changes"
        nodes.append(Node(name=step, state=State.WAITING if run else State.UNCHANGED, said=said))
    return nodes, workflow.edges


def _states(run_id: str) -> list[StepState]:
    from pegboard_scripting.client import Client

    from pegboard_workflows.carrying_out import states_of

    return states_of(Client(), run_id)


def _carry_out(asked: Asked, *, as_json: bool) -> int:

    from pegboard_projects import shown

    from pegboard_workflows import carrying_out
    from pegboard_workflows.carrying_out import Hearing
    from pegboard_workflows.showing import Lines

    began = time.monotonic()
    lines = Lines(_to_stderr if as_json else shown)

    def tell(task: TaskState) -> None:
        lines.end(task.label)
        sys.stdout.flush()
        _tell(task)

    done = carrying_out.run(asked, Hearing(began=_tell_began, tell=tell, show=lines))
    if as_json:
        output.print_json(done.plain())
    _tell_end(done, time.monotonic() - began)
    if done.signal is not None:
        return _BY_SIGNAL + done.signal
    return 0 if done.status == "FINISHED" else _FAILED


def _to_stderr(piece: bytes) -> None:
    sys.stderr.buffer.write(piece)
    sys.stderr.flush()


def _tell_began(workflow: Workflow, run_id: str) -> None:
    output.note(output.clean(f"Run {run_id}: {workflow.name}"))


def _tell(task: TaskState) -> None:
    from pegboard_workflows.states import State

    took = "" if task.seconds is None else f" in {task.seconds:.1f} s"
    again = f", attempt {task.attempts}" if task.attempts > 1 else ""
    said = {
        State.RUNNING: f"begins{again}" + (f" ({task.reason})" if task.reason else ""),
        State.FINISHED: f"done{took}",
        State.UNCHANGED: task.reason,
        State.FAILED: f"failed{took and took.replace(' in', ' after')}. {task.reason}",
        State.KILLED: "ended",
        State.BLOCKED: f"does not run: {task.reason}",
    }
    output.note(output.clean(f"{task.label}: {said.get(task.state, task.state)}"))


def _tell_end(done: WorkflowRun, seconds: float) -> None:
    from pegboard_workflows.states import State

    tasks = [task for step in done.steps for task in step.tasks.values()]
    ran = sum(task.attempts > 0 for task in tasks)
    unchanged = sum(task.state is State.UNCHANGED for task in tasks)
    output.note(f"{done.status} after {seconds:.1f} s: {ran} ran, {unchanged} without changes.")
    if done.status != "FINISHED":
        words = command_line("pegboard", "workflows", "resume", done.run_id)
        output.note(f"What is left to do: {words}")
    else:
        output.note(f"Look at it: {command_line('pegboard', 'workflows', 'show', done.run_id)}")


def _print_tasks(steps: Sequence[StepState]) -> None:
    columns = [
        tables.Column("Task", style="bold"),
        tables.Column("State", styles={"finished": "green", "failed": "red", "unchanged": "dim"}),
        tables.Column("Seconds", right=True),
        tables.Column("Run"),
        tables.Column("Why", optional=1),
    ]
    rows = []
    for step in steps:
        for task in step.tasks.values():
            took = "-" if task.seconds is None else f"{task.seconds:.1f}"
            why = output.clean(task.reason)
            rows.append([output.clean(task.label), str(task.state), took, task.run_id or "-", why])
        if not step.tasks:
            rows.append([step.name, str(step.state), "-", "-", output.clean(step.reason)])
    tables.note_hidden(tables.print_table(columns, rows))
