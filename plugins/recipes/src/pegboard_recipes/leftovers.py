"""What a process leaves behind that ends in the midst of a step: a run that nobody ends.

Who survives it marks the run: the process that waits for it, else the next command that finds a
step begun and nobody at work on the recipe.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress

from pegboard.entities import RunStatus
from pegboard.errors import InvalidState, PegboardError
from pegboard.tags import PARENT_RUN_ID
from pegboard_scripting.client import Client

from pegboard_recipes import failures, records, tracking
from pegboard_recipes.planning import Planner
from pegboard_recipes.step import Done, Step, run_source

_OPEN = (RunStatus.RUNNING, RunStatus.LOST)
"""What a run is that nobody has ended; LOST is what a store calls it that has noticed so."""

_LOGGER = logging.getLogger("pegboard")


def keep_end(planner: Planner, error: PegboardError, *, killed: bool) -> None:
    """Keep in the place of a step's results how its process ended, and mark its run.

    Processes that the step has started may hold the lock for longer: then the next command does.
    """
    with suppress(InvalidState, OSError), planner.places.lock():
        for step in _begun(planner):
            run_id = _run_of(planner, step)
            failures.keep(planner.places, step.name, planner.config.root.name, error)
            status = RunStatus.KILLED if killed else RunStatus.FAILED
            _mark(planner, step, run_id, error, status)


def settle(planner: Planner) -> None:
    """Mark the runs of processes of which only a begun step tells; the caller holds the lock."""
    for step in _begun(planner):
        what = f"The step {step.name!r} was begun, and its process ended before the step did."
        error = failures.StepFailed(what)
        _mark(planner, step, _run_of(planner, step), error, RunStatus.KILLED)


def _begun(planner: Planner) -> list[Step]:
    return [step for step in planner.steps if planner.places.is_begun(step.name)]


def _run_of(planner: Planner, step: Step) -> str:
    """Return the run that a begun step logged to; "" if none."""
    source = run_source(planner.steps)
    if source is None:
        return ""
    name, file = source
    places = planner.places
    found = places.begun(name) if step.name == name else []
    if file in step.needs.get(name, ()):
        found = [places.outputs(name)]
    for place in found:
        with suppress(OSError):
            return (place / file).read_text(encoding="utf-8").strip()
    return ""


def _mark(
    planner: Planner, step: Step, run_id: str, error: PegboardError, status: RunStatus
) -> None:
    """End a run that nobody has ended, and those in it; a store that fails ends nothing."""
    if not run_id:
        return
    try:
        with tracking.located(planner.config) as client:
            run = client.get_run(run_id)
            if run.info.status not in _OPEN:
                return
            for below in [*_open_below(client, run.info.experiment_id, run_id), run_id]:
                client.set_terminated(below, status)
        before = planner.wanted(step.name)[:-1]
        earlier = [Done(step=each.name, ran=False, reason="") for each in before]
        done = Done(step=step.name, ran=True, reason="", error=str(error))
        facts = {
            "status": "failed",
            "criteria": (),
            "model": None,
            "error": str(error),
        }
        records.keep(planner, run_id, [*earlier, done], facts)
    except (OSError, PegboardError) as failed:
        _LOGGER.warning("The run %s may seem to go on: %s", run_id, failed)


def _open_below(client: Client, experiment_id: str, run_id: str) -> Iterator[str]:
    found = client.search_runs([experiment_id], f"tags.`{PARENT_RUN_ID}` = '{run_id}'")
    return (each.info.run_id for each in found if each.info.status in _OPEN)
