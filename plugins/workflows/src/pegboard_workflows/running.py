"""Runs a workflow: what is decided to run, in the order of its steps, many tasks at a time.

A step whose task fails keeps back those that need it; all others go on, so that as little as
possible is left to do the next time.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, field, frozen
from pegboard.entities import RunStatus
from pegboard.errors import NotFound, PegboardError
from pegboard_projects import Place, Result, Scheduler, Task

from pegboard_workflows import digests, names
from pegboard_workflows.deciding import Decision, decide
from pegboard_workflows.planner import Planner, Prepared
from pegboard_workflows.states import DONE, State, StepState, TaskState
from pegboard_workflows.tasks import StepTask
from pegboard_workflows.workflow import Step

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

    from pegboard_workflows.history import History

Tell: TypeAlias = Callable[[TaskState], None]
"""Hears of each task whose state changed."""


@frozen(kw_only=True)
class Within:
    """Where a workflow runs: its own run, the experiment, and who hears of it."""

    client: Client
    run_id: str
    experiment_id: str
    history: History
    tell: Tell = field(default=lambda _: None)
    save: Callable[[Sequence[StepState]], None] = field(default=lambda _: None)


class Engine:
    """Takes a workflow from its first step to its last."""

    def __init__(self, planner: Planner, within: Within) -> None:
        """Run what ``planner`` plans."""
        self._planner, self._within = planner, within
        steps = planner.workflow.steps.values()
        self.steps = {step.name: StepState(name=step.name, needs=step.needs) for step in steps}
        self._queued: dict[str, deque[Prepared]] = {}
        self._reasons: dict[str, str] = {}
        self._runs: dict[str, dict[str, Run]] = {step.name: {} for step in steps}
        self._open: dict[str, int] = {}
        """How many tasks of a step are with the scheduler."""
        self._tasks: dict[str, StepTask] = {}
        self._is_broken, self._is_changed, self._saved = False, False, 0.0

    @property
    def status(self) -> RunStatus:
        """How the workflow ended, or would if it ended now."""
        states = {step.state for step in self.steps.values()}
        if self._is_broken or State.KILLED in states:
            return RunStatus.KILLED
        return RunStatus.FINISHED if states <= {*DONE} else RunStatus.FAILED

    def run(self, scheduler: Scheduler, is_cancelled: Callable[[], bool]) -> None:
        """Run all that has to run, to its end."""
        self._advance(scheduler)
        while scheduler.pending:
            result = scheduler.next(_SAVE_SECONDS)
            if result is not None:
                self._take(result)
                # Somebody may have changed the files meanwhile.
                self._planner.code.refresh()
                if not is_cancelled():
                    self._advance(scheduler)
            self._save()
        if is_cancelled():
            self._is_broken = True
            self._break_off()

    def _save(self) -> None:
        """Record what changed, but not all the time: there may be many tasks."""
        now = time.monotonic()
        if self._is_changed and now - self._saved >= _SAVE_SECONDS:
            self._is_changed, self._saved = False, now
            self._within.save([*self.steps.values()])

    def _tell(self, state: TaskState) -> None:
        self._is_changed = True
        self._within.tell(state)

    def began(self, task: Task, _: object, run_id: str) -> None:
        """Hear from the scheduler that a task has begun."""
        state = self._state(str(task.key))
        state.state, state.run_id = State.RUNNING, run_id
        state.attempts += 1
        state.began_ms = state.began_ms or _now()
        self._tell(state)

    # -- steps ---------------------------------------------------------------------------------

    def _advance(self, scheduler: Scheduler) -> None:
        """Decide on all steps whose time has come, and begin what there is room for."""
        for step in self._planner.workflow.steps.values():
            state = self.steps[step.name]
            if not state.known and state.state_alone is State.WAITING:
                self._consider(step, state)
            self._feed(step, scheduler)

    def _consider(self, step: Step, state: StepState) -> None:
        needed = [self.steps[name] for name in step.needs]
        hopeless = [each.name for each in needed if each.state in _HOPELESS]
        if hopeless:
            state.state_alone = State.BLOCKED
            state.reason = f"{' and '.join(hopeless)} did not finish"
            self._tell(TaskState(label=step.name, state=State.BLOCKED, reason=state.reason))
        elif all(each.state in DONE for each in needed):
            try:
                self._open_step(step, state)
            except PegboardError as error:
                state.known, state.state_alone, state.reason = False, State.FAILED, str(error)
                told = TaskState(label=step.name, state=State.FAILED, reason=str(error))
                self._tell(told)

    def _open_step(self, step: Step, state: StepState) -> None:
        """Decide on each task of a step."""
        queued: deque[Prepared] = deque()
        decisions: list[Decision] = []
        for task in self._planner.tasks(step):
            prepared = self._planner.prepared(task)
            decision = decide(
                task, prepared.basis, self._within.history, force=self._planner.choices.force
            )
            decisions.append(decision)
            if decision.runs:
                queued.append(prepared)
        for decision in decisions:
            label = decision.task.label
            self._tasks[label] = decision.task
            told = state.tasks[label] = TaskState(label=label, reason=decision.reason)
            if decision.run is not None:
                self._runs[step.name][label] = decision.run
                told.state, told.run_id = State.UNCHANGED, decision.run.info.run_id
                self._tell(told)
        state.known = True
        self._queued[step.name] = queued
        self._open[step.name] = 0
        self._close(step)

    def _feed(self, step: Step, scheduler: Scheduler) -> None:
        """Give tasks of a step to the scheduler, as many as may run at a time."""
        queued = self._queued.get(step.name)
        while queued and (step.concurrency is None or self._open[step.name] < step.concurrency):
            prepared = queued.popleft()
            self._open[step.name] += 1
            scheduler.add(self._task(prepared))

    def _task(self, prepared: Prepared) -> Task:
        step, label = prepared.task.step, prepared.task.label
        tags = {
            names.WORKFLOW: self._planner.workflow.name,
            names.STEP: step.name,
            names.TASK: label,
            names.KEY: prepared.basis.key,
            names.BASIS: prepared.basis.text(),
        }
        return Task(
            key=label,
            request=evolve(prepared.request, at_end=_Outputs(step)),
            place=Place(
                experiment_id=self._within.experiment_id,
                parent_run_id=self._within.run_id,
                run_name=label,
                tags=tags,
            ),
            retries=step.retries,
        )

    def _take(self, result: Result) -> None:
        """Note how a task ended."""
        label = str(result.task.key)
        step, state = self._tasks[label].step, self._state(label)
        self._open[step.name] -= 1
        state.ended_ms = _now()
        state.run_id = result.run_id or state.run_id
        state.state = _ENDS[result.status]
        if state.state is State.FINISHED:
            assert result.run_id is not None
            try:
                self._runs[step.name][label] = self._within.client.get_run(result.run_id)
            except PegboardError as error:
                state.state, state.reason = State.FAILED, str(error)
        else:
            state.reason = result.reason
        self._tell(state)
        self._close(step)

    def _close(self, step: Step) -> None:
        """Let others use the results of a step if it is done."""
        state = self.steps[step.name]
        if state.state in DONE:
            runs = self._runs[step.name]
            self._planner.done(step.name, [runs[label] for label in state.tasks])

    def _break_off(self) -> None:
        for step in self.steps.values():
            for task in step.tasks.values():
                if task.state is State.WAITING:
                    task.state, task.reason = State.KILLED, "it was cancelled before it began"

    def _state(self, label: str) -> TaskState:
        return self.steps[self._tasks[label].step.name].tasks[label]


class _Outputs:
    """Looks at the outputs of a run, before it ends: they are there, and what they hold."""

    def __init__(self, step: Step) -> None:
        self._paths = sorted(set(step.outputs.values()))

    def __call__(self, client: Client, run_id: str) -> str:
        """Return what is missing; note the digests of what is there."""
        store, found, missing = client.artifacts(run_id), {}, []
        for path in self._paths:
            try:
                found[path] = digests.of_artifact(store, path)
            except NotFound:
                missing.append(path)
        if missing:
            which = " and ".join(map(repr, missing))
            return (
                f"It gave no {which}: a step logs its outputs as artifacts of its run, or writes "
                "them into the folder $PEGBOARD_OUTPUTS."
            )
        client.set_tag(run_id, names.OUTPUTS, json.dumps(found))
        return ""


_SAVE_SECONDS = 0.5
_HOPELESS = (State.FAILED, State.KILLED, State.BLOCKED)
_ENDS = {
    RunStatus.FINISHED: State.FINISHED,
    RunStatus.FAILED: State.FAILED,
    RunStatus.KILLED: State.KILLED,
}


def _now() -> int:
    return time.time_ns() // 1_000_000
