"""``pegboard.workflows``: workflows from scripts."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from pegboard_projects import ExecutionException, shown

from pegboard_workflows import carrying_out
from pegboard_workflows.carrying_out import Asked, Hearing, WorkflowRun
from pegboard_workflows.deciding import Decision
from pegboard_workflows.graph import drawing
from pegboard_workflows.planner import Choices
from pegboard_workflows.showing import Lines
from pegboard_workflows.states import State, StepState, TaskState

__all__ = ["Decision", "State", "StepState", "TaskState", "WorkflowRun", "graph", "plan", "run"]


def run(
    uri: str = ".",
    parameters: Mapping[str, Any] | None = None,
    *,
    version: str | None = None,
    backend: str | None = None,
    backend_config: Mapping[str, Any] | None = None,
    env_manager: str | None = None,
    storage_dir: str | None = None,
    concurrency: int | None = None,
    force: bool = False,
    experiment_name: str | None = None,
    run_name: str | None = None,
) -> WorkflowRun:
    """Run the steps of a workflow that changed, and return what became of all.

    ``uri`` is a folder, a workflow's file, a zip file or a git repository (``version``: a branch,
    tag or commit). What is wrong is a ProjectError, before there is a run; ExecutionException if a
    step fails, and all that does not need it is done then. With ``force``, all steps run.
    """
    asked = Asked(
        uri=str(uri),
        version=version,
        parameters=parameters or {},
        choices=Choices(
            backend=backend,
            backend_config=backend_config or {},
            env_manager=env_manager,
            storage_dir=storage_dir,
            concurrency=concurrency,
            force=force,
        ),
        experiment_name=experiment_name,
        run_name=run_name,
    )
    done = carrying_out.run(asked, Hearing(show=Lines(shown)))
    if done.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if done.signal is not None:
        # Whoever sent it meant this process, too.
        signal.raise_signal(done.signal)
    if done.status != "FINISHED":
        what = f"The workflow's run {done.run_id} has the status {done.status}"
        raise ExecutionException(f"{what}: {faults(done)}")
    return done


def faults(done: WorkflowRun) -> str:
    """Return a sentence on each step and task that failed."""
    said = []
    for step in done.steps:
        if not step.tasks and step.state is State.FAILED:
            said.append(f"{step.name} failed: {step.reason}")
        for task in step.tasks.values():
            if task.state is State.FAILED:
                said.append(f"{task.label} failed: {task.reason}")
    return " ".join(said) or "it was broken off."


def plan(
    uri: str = ".",
    parameters: Mapping[str, Any] | None = None,
    *,
    version: str | None = None,
    force: bool = False,
    experiment_name: str | None = None,
) -> list[Decision]:
    """Return which tasks of a workflow would run and why; nothing is done."""
    asked = Asked(
        uri=str(uri),
        version=version,
        parameters=parameters or {},
        choices=Choices(force=force),
        experiment_name=experiment_name,
    )
    return carrying_out.plan(asked)[2]


def graph(done: WorkflowRun, *, as_svg: bool = True) -> str:
    """Return the steps of a workflow's run as a picture, SVG by default, else text."""
    draw = drawing.svg if as_svg else drawing.text
    return draw(drawing.nodes_of(done.steps), drawing.edges_of(done.steps))
