"""The trials of a sweep, as its child runs tell them: they are all that is remembered."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.entities import RunStatus
from pegboard.tags import PARENT_RUN_ID

from pegboard_sweeps import names

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

    from pegboard_sweeps.sweep import Metric, Sweep


class State(StrEnum):
    """How a trial is; the later ones say more of it, if it was tried several times."""

    LOST = "lost"
    """It was broken off, and is to be tried again."""
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    """It was stopped early, as others were better."""
    FINISHED = "finished"


_ORDER = list(State)


@frozen(kw_only=True)
class Trial:
    """A trial: its number, what it tries, and how it is.

    ``value`` is the metric's: the last one, or for a trial that was stopped the best so far, of
    ``points``. ``reason`` says why it failed or was stopped.
    """

    number: int
    values: Mapping[str, Any]
    state: State
    run_id: str | None = None
    value: float | None = None
    points: int = 0
    reason: str = ""
    seconds: float = 0.0


def read(client: Client, experiment_id: str, parent: str, sweep: Sweep) -> dict[int, Trial]:
    """Return the trials of a sweep's run, by number; RUNNING ones are those that nobody ended."""
    found: dict[int, Trial] = {}
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id], f"tags.`{PARENT_RUN_ID}` = '{parent}'", page_token=token
        )
        for run in page:  # The last begun first.
            trial = of_run(run, sweep)
            if trial is not None and _says_more(trial, found.get(trial.number)):
                found[trial.number] = trial
        token = page.token
        if not token:
            return found


def _says_more(trial: Trial, known: Trial | None) -> bool:
    return known is None or _ORDER.index(trial.state) > _ORDER.index(known.state)


def of_run(run: Run, sweep: Sweep) -> Trial | None:
    """Return the trial that a run is; None if it is none of this sweep's."""
    tags, params = run.data.tags, run.data.params
    try:
        number = int(tags[names.TRIAL])
        values = {
            name: parameter.value_of(params[name]) for name, parameter in sweep.parameters.items()
        }
    except (KeyError, ValueError):
        return None
    info = run.info
    state, reason = _state(run, sweep.metric)
    return Trial(
        number=number,
        values=values,
        state=state,
        run_id=info.run_id,
        value=None if sweep.metric is None else run.data.metrics.get(sweep.metric.name),
        reason=reason,
        seconds=((info.end_time or info.start_time) - info.start_time) / 1000,
    )


def _state(run: Run, metric: Metric | None) -> tuple[State, str]:
    status, tags = run.info.status, run.data.tags
    if status == RunStatus.FINISHED:
        if metric is not None and metric.name not in run.data.metrics:
            logged = difflib.get_close_matches(metric.name, run.data.metrics, n=3, cutoff=0)
            others = f", but {', '.join(map(repr, logged))}" if logged else ""
            return State.FAILED, f"It logged no metric {metric.name!r}{others}."
        return State.FINISHED, ""
    if status == RunStatus.FAILED:
        return State.FAILED, tags.get(names.REASON, "")
    if names.STOPPED in tags and status == RunStatus.KILLED:
        return State.STOPPED, tags[names.STOPPED]
    return (State.LOST if status == RunStatus.KILLED else State.RUNNING), ""


def best(trials: Mapping[int, Trial], metric: Metric | None) -> Trial | None:
    """Return the best of the finished trials, the first of those that are alike; None if none is.

    NaN is never the best.
    """
    if metric is None:
        return None
    measured = [
        (metric.key(trial.value), trial.number)
        for trial in trials.values()
        if trial.state is State.FINISHED and trial.value is not None
        if not math.isnan(trial.value)
    ]
    return trials[min(measured)[1]] if measured else None
