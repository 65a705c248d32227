"""Carries out a sweep: begins its trials, stops bad ones, and goes on where it was broken off.

What is known of trials stands in their runs. So the sweep goes on from these alone, whatever ended
it, and a trial that was broken off is tried again with the same values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol

from attrs import evolve, field, frozen
from pegboard import validation
from pegboard.entities import RunStatus
from pegboard.errors import StoreError
from pegboard.tags import RUN_NOTE
from pegboard_projects import (
    Cancelling,
    Opened,
    Place,
    Plan,
    Result,
    Scheduler,
    Session,
    Task,
    machine_tag,
    opened,
    outer_run,
    session,
)

from pegboard_sweeps import halving, names, preparing, resuming, searching, trials
from pegboard_sweeps.resuming import Manner
from pegboard_sweeps.sweep import Sweep
from pegboard_sweeps.trials import State, Trial

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

_LOOK_SECONDS = 0.5
"""How often the metrics of running trials are looked at, if bad ones are stopped."""
_MOST_POINTS = 100_000
"""How many points of a metric are looked at."""


class Hearer(Protocol):
    """Hears of a sweep while it is carried out."""

    def began(self, sweep: Sweep, run_id: str, known: Mapping[int, Trial]) -> None:
        """Hear that it begins, or goes on with trials that are known."""

    def ended(self, trial: Trial, *, is_best: bool) -> None:
        """Hear that a trial ended."""


@frozen(kw_only=True)
class Done:
    """How far a sweep came. ``signal`` is the one that ended it, if one did."""

    sweep: Sweep
    run_id: str
    status: RunStatus
    trials: Mapping[int, Trial] = field(repr=False)
    signal: int | None = None
    before: bool = False
    """Whether nothing was left to be tried when it was called."""
    gave_up: bool = False
    """Whether too many trials failed in a row."""

    @property
    def best(self) -> Trial | None:
        """The best of the finished trials; None if there is none, or no metric."""
        return trials.best(self.trials, self.sweep.metric)

    def count(self, state: State) -> int:
        """Return how many trials are in a state."""
        return sum(trial.state is state for trial in self.trials.values())


def carry_out(sweep: Sweep, manner: Manner, hearer: Hearer, cancelling: Cancelling) -> Done:
    """Carry out a sweep to its end, or until signals end it; what is wrong with it is an error.

    InvalidState: it is carried out by another process. KeyboardInterrupt: a signal came before
    anything was begun.
    """
    experiment = manner.experiment_name or sweep.experiment
    with session() as within, ExitStack() as stack:
        client = within.client
        stack.enter_context(resuming.alone(client, sweep, experiment))
        parent = None if manner.new else resuming.found(client, sweep, experiment)
        version = resuming.version_of(sweep, parent)
        project = stack.enter_context(opened(client.host, sweep.code.uri, version))
        sweep = preparing.checked(client.host, sweep, project, client.tracking_uri)
        known: dict[int, Trial] = {}
        if parent is not None:
            known = resuming.taken_up(client, parent, sweep, manner)
            if resuming.is_done(sweep, parent, known):
                hearer.began(sweep, parent.info.run_id, known)
                return _done_before(sweep, parent, known)
        cancelling.hold()
        place = evolve(_place(sweep, manner, parent), experiment_name=experiment)
        return _tried(within, cancelling, place, Trying(client, sweep, project, known, hearer))


def _done_before(sweep: Sweep, parent: Run, known: Mapping[int, Trial]) -> Done:
    run_id, status = parent.info.run_id, RunStatus.FINISHED
    return Done(sweep=sweep, run_id=run_id, status=status, trials=known, before=True)


def _tried(within: Session, cancelling: Cancelling, place: Place, trying: Trying) -> Done:
    """Try what is left to be tried in the run of the sweep, and end it."""
    sweep = trying.sweep
    with outer_run(within.client, place, _params(sweep)) as outer:
        with Scheduler(within, concurrency=sweep.concurrency, began=trying.began) as scheduler:
            cancelling.aim(scheduler)
            trying.carry_out(outer.run_id, scheduler, lambda: bool(cancelling.caught))
        caught = cancelling.caught[0] if cancelling.caught else None
        outer.status = trying.status if caught is None else RunStatus.KILLED
    return Done(
        sweep=sweep,
        run_id=outer.run_id,
        status=outer.status,
        trials=trying.trials,
        signal=caught,
        gave_up=trying.gives_up,
    )


def _place(sweep: Sweep, manner: Manner, parent: Run | None) -> Place:
    """Return where the sweep's run goes, with the tags that say what it is."""
    metric = sweep.metric
    tags = {
        names.DIGEST: sweep.digest,
        **machine_tag(),
        names.METHOD: sweep.method,
        names.METRIC: metric and metric.name,
        names.GOAL: metric and metric.goal,
        names.PARAMETERS: json.dumps(sweep.varying),
        names.RUN_CAP: str(sweep.count),
        names.COMMIT: sweep.code.commit,
        # What people wrote there since stays.
        RUN_NOTE: sweep.description if parent is None else None,
    }
    return Place(
        run_id=None if parent is None else parent.info.run_id,
        run_name=manner.run_name or sweep.name,
        tags={key: value[: validation.MAX_TAG_VALUE] for key, value in tags.items() if value},
    )


def _params(sweep: Sweep) -> dict[str, str]:
    """Return what stands as params in the sweep's run: the space that is searched."""
    return {
        f"sweep.{name}"[: validation.MAX_KEY]: each.summary[: validation.MAX_PARAM_VALUE]
        for name, each in sweep.parameters.items()
    }


class Trying:
    """The trials of a sweep while they are tried. All methods are for one thread."""

    def __init__(
        self,
        client: Client,
        sweep: Sweep,
        project: Opened,
        known: dict[int, Trial],
        hearer: Hearer,
    ) -> None:
        """Go on with the trials that are known."""
        self.sweep, self.trials = sweep, known
        self._client, self._project, self._hearer = client, project, hearer
        self._run_id = self._experiment_id = ""
        self._curves: dict[int, list[float]] = {}
        self._passed: dict[int, int] = {}
        self._stopped: set[int] = set()
        self._failed_in_a_row = 0

    @property
    def status(self) -> RunStatus:
        """What the sweep's run ends with, if it is not broken off."""
        worked = any(trial.state is State.FINISHED for trial in self.trials.values())
        return RunStatus.FINISHED if worked and not self.gives_up else RunStatus.FAILED

    @property
    def gives_up(self) -> bool:
        """Whether too many trials failed in a row."""
        return self._failed_in_a_row >= self.sweep.max_failures

    def carry_out(self, run_id: str, scheduler: Scheduler, is_ended: Callable[[], bool]) -> None:
        """Try in the run of the sweep until there is nothing left, or the sweep is to end."""
        self._run_id = run_id
        self._experiment_id = self._client.get_run(run_id).info.experiment_id
        patience = None if self.sweep.halving is None else _LOOK_SECONDS
        self._client.log_text(run_id, self.sweep.text, names.FILE)
        for number, trial in self.trials.items():
            self._see(trial)
            self.trials[number] = self._measured(trial)
        self._hearer.began(self.sweep, self._run_id, self.trials)
        while True:
            while (
                scheduler.pending < self.sweep.concurrency
                and not is_ended()
                and not self.gives_up
                and (following := resuming.following(self.sweep, self.trials)) is not None
            ):
                self._begin(scheduler, following)
            if not scheduler.pending:
                return
            result = scheduler.next(patience)
            if result is not None:
                self._take(result, is_ended=is_ended())
            if self.sweep.halving is not None:
                # A store that is out of reach is asked again the next time.
                with suppress(StoreError):
                    self._stop_bad_ones(scheduler)

    def began(self, task: Task, plan: Plan, run_id: str) -> None:
        """Hear that the run of a trial was created."""
        del plan
        number = task.key
        assert isinstance(number, int)
        self.trials[number] = evolve(self.trials[number], run_id=run_id)

    def _begin(self, scheduler: Scheduler, number: int) -> None:
        lost = self.trials.get(number)
        values = lost.values if lost is not None else self._proposed(number)
        self.trials[number] = Trial(number=number, values=values, state=State.RUNNING)
        self._curves.pop(number, None)
        self._passed.pop(number, None)
        place = Place(
            experiment_id=self._experiment_id,
            parent_run_id=self._run_id,
            run_name=f"trial {number}",
            tags={names.TRIAL: str(number)},
        )
        request = preparing.request_of(self.sweep, self._project, values)
        scheduler.add(Task(key=number, request=request, place=place))

    def _proposed(self, number: int) -> Mapping[str, object]:
        others = [self.trials[each] for each in sorted(self.trials)]
        return searching.values(self.sweep, number, others)

    def _take(self, result: Result, *, is_ended: bool) -> None:
        """Hear how a trial ended."""
        number = result.task.key
        assert isinstance(number, int)
        trial = self._ended(self.trials[number], result)
        self.trials[number] = trial
        if trial.state in (State.FAILED, State.LOST) and not is_ended:
            # Also one that others killed: it is tried again, but not for ever.
            self._failed_in_a_row += 1
        elif trial.state in (State.FINISHED, State.STOPPED):
            self._failed_in_a_row = 0
        is_best = trials.best(self.trials, self.sweep.metric) is trial
        if is_best:
            self._record_best(trial)
        self._hearer.ended(trial, is_best=is_best)

    def _ended(self, trial: Trial, result: Result) -> Trial:
        if result.run_id is None:
            # It was not begun, or could not be.
            state = State.LOST if result.status is RunStatus.KILLED else State.FAILED
            return evolve(trial, state=state, reason=result.reason)
        run = self._client.get_run(result.run_id)
        found = trials.of_run(run, self.sweep)
        if found is None:
            # Other values were logged under the names of its parameters, or its tag was changed.
            return evolve(trial, state=State.FAILED, reason="Its run does not hold its parameters.")
        if found.state is State.FAILED and not found.reason:
            found = evolve(found, reason=result.reason)
        if found.state is not State.STOPPED and names.STOPPED in run.data.tags:
            # It came to its end before it was reached.
            self._client.delete_tag(result.run_id, names.STOPPED)
        self._see(found)
        return self._measured(found)

    def _record_best(self, trial: Trial) -> None:
        """Write into the sweep's run which trial is the best, and what it reached."""
        metric = self.sweep.metric
        assert metric is not None
        assert trial.value is not None
        step = sum(each.state is State.FINISHED for each in self.trials.values())
        key = names.BEST_METRIC.format(metric.name)[: validation.MAX_KEY]
        self._client.log_metric(self._run_id, key, trial.value, step=step)
        self._client.set_tag(self._run_id, names.BEST_RUN, trial.run_id)

    # -- halving -------------------------------------------------------------------------------

    def _see(self, trial: Trial) -> None:
        """Read the metric of a trial, as far as it is compared."""
        sweep = self.sweep
        if sweep.halving is None or sweep.metric is None or trial.run_id is None:
            return
        if trial.state in (State.LOST, State.FAILED):
            return
        seen = len(self._curves.get(trial.number, ()))
        while True:
            # No more than decides: up to the first bracket that it has not reached.
            needed = next((each for each in sweep.halving.brackets if each > seen), _MOST_POINTS)
            points = self._client.store.metric_history(
                trial.run_id, sweep.metric.name, max_results=min(needed, _MOST_POINTS)
            )
            self._curves[trial.number] = [point.value for point in points]
            if len(points) < needed or len(points) <= seen:
                return
            seen = len(points)

    def _measured(self, trial: Trial) -> Trial:
        """Return a trial that was stopped with the best that it had reached."""
        curve = self._curves.get(trial.number)
        if trial.state is not State.STOPPED or not curve or self.sweep.metric is None:
            return trial
        return evolve(trial, value=min(curve, key=self.sweep.metric.key), points=len(curve))

    def _stop_bad_ones(self, scheduler: Scheduler) -> None:
        """Stop the trials that are worse than others where they have come to."""
        sweep = self.sweep
        assert sweep.halving is not None
        assert sweep.metric is not None
        for number, trial in self.trials.items():
            if trial.state is not State.RUNNING or trial.run_id is None or number in self._stopped:
                continue
            self._see(trial)
            passed = self._passed.get(number, 0)
            found, self._passed[number] = halving.verdict(
                sweep.halving, sweep.metric, number, self._curves, passed
            )
            if found is not None:
                # First the tag: should we be killed now, it is known why the run ended.
                self._client.set_tag(trial.run_id, names.STOPPED, found.said(sweep.metric.name))
                self._stopped.add(number)
                scheduler.cancel(number)
