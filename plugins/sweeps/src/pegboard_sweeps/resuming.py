"""What there is of a sweep: the run that it goes on in, and the trials that are left of it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from pegboard.entities import LifecycleStage, RunStatus
from pegboard_projects import carried_out_alone, check_machine, end_left
from pegboard_scripting.fluent.experiments import current_experiment_id

from pegboard_sweeps import names, trials
from pegboard_sweeps.sweep import Sweep
from pegboard_sweeps.trials import State, Trial

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

_KILLED = "Its sweep was killed; it is tried again."


@frozen(kw_only=True)
class Manner:
    """Where a sweep goes, and what of an earlier one is taken up."""

    experiment_name: str | None = None
    run_name: str | None = None
    retry_failed: bool = False
    """Whether trials that failed are tried again."""
    new: bool = False
    """Whether to begin anew, though there is one to go on with."""
    take_over: bool = False
    """Whether to go on though another machine carries it out, as far as is known."""


def alone(
    client: Client, sweep: Sweep, experiment_name: str | None
) -> contextlib.AbstractContextManager[None]:
    """Hold what lets one process of this machine carry out a sweep at a time."""
    experiment = experiment_name or current_experiment_id()
    return carried_out_alone("sweep", client.tracking_uri, experiment, sweep.digest)


def found(client: Client, sweep: Sweep, experiment_name: str | None) -> Run | None:
    """Return the run of this sweep that was begun last; None if there is none."""
    if experiment_name is None:
        experiment_id = current_experiment_id()
    else:
        experiment = client.get_experiment_by_name(experiment_name)
        if experiment is None or experiment.lifecycle_stage is LifecycleStage.DELETED:
            return None
        experiment_id = experiment.experiment_id
    page = client.search_runs(
        [experiment_id], f"tags.`{names.DIGEST}` = '{sweep.digest}'", max_results=1
    )
    return page[0] if page else None


def known_trials(client: Client, parent: Run, sweep: Sweep) -> dict[int, Trial]:
    """Return the trials that there are in a sweep's run."""
    return trials.read(client, parent.info.experiment_id, parent.info.run_id, sweep)


def taken_up(client: Client, parent: Run, sweep: Sweep, manner: Manner) -> dict[int, Trial]:
    """Return the trials of a sweep that goes on; what a killed one left running is ended."""
    if not manner.take_over:
        check_machine(parent, "sweep")
    known = known_trials(client, parent, sweep)
    running = [trial.run_id for trial in known.values() if trial.state is State.RUNNING]
    left = [run_id for run_id in running if run_id is not None]
    if left:
        end_left(client, left)
        # A job of a cluster may have come to its end meanwhile.
        known = known_trials(client, parent, sweep)
        for trial in known.values():
            if trial.run_id in left and trial.state is State.LOST:
                client.set_tag(trial.run_id, names.REASON, _KILLED)
    return {
        number: evolve(trial, state=State.LOST)
        if trial.state is State.FAILED and manner.retry_failed
        else trial
        for number, trial in known.items()
    }


def version_of(sweep: Sweep, parent: Run | None) -> str | None:
    """Return which version runs: the commit that the earlier trials ran, if it was fetched."""
    commit = None if parent is None else parent.data.tags.get(names.COMMIT)
    return commit or sweep.code.version


def following(sweep: Sweep, known: Mapping[int, Trial]) -> int | None:
    """Return the number of the trial to begin next; None if there is none."""
    best, metric = trials.best(known, sweep.metric), sweep.metric
    if metric and best and best.value is not None and metric.reaches(best.value):
        return None
    lost = [number for number, trial in known.items() if trial.state is State.LOST]
    if lost:
        return min(lost)
    return next((number for number in range(1, sweep.count + 1) if number not in known), None)


def is_done(sweep: Sweep, parent: Run, known: Mapping[int, Trial]) -> bool:
    """Whether nothing of a sweep is left to be done."""
    return parent.info.status == RunStatus.FINISHED and following(sweep, known) is None
