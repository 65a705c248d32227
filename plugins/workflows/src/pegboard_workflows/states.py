"""What became of each step and task of a workflow, as it is recorded and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import define, field


class State(StrEnum):
    """How far a task, or a step, is."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    KILLED = "killed"
    BLOCKED = "blocked"
    """It cannot run, as one that it needs did not finish."""


DONE = (State.FINISHED, State.UNCHANGED)
WORST_FIRST = (
    State.FAILED,
    State.KILLED,
    State.RUNNING,
    State.BLOCKED,
    State.WAITING,
    State.FINISHED,
    State.UNCHANGED,
)


@define(kw_only=True)
class TaskState:
    """A task: which run it is, and why it ran, or did not finish."""

    label: str
    state: State = State.WAITING
    run_id: str | None = None
    reason: str = ""
    attempts: int = 0
    began_ms: int | None = None
    ended_ms: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.began_ms is None or self.ended_ms is None:
            return None
        return (self.ended_ms - self.began_ms) / 1000

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "task": self.label,
            "state": str(self.state),
            "run_id": self.run_id,
            "reason": self.reason,
            "attempts": self.attempts,
            "began": self.began_ms,
            "ended": self.ended_ms,
        }


@define(kw_only=True)
class StepState:
    """A step: its tasks, as soon as they are known, and why it has none."""

    name: str
    needs: Sequence[str] = ()
    tasks: dict[str, TaskState] = field(factory=dict)
    known: bool = False
    """Whether its tasks are known."""
    state_alone: State = State.WAITING
    reason: str = ""

    @property
    def state(self) -> State:
        """The state of all its tasks together: the worst, and not done before all are."""
        if not self.known:
            return self.state_alone
        return together(task.state for task in self.tasks.values())

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "step": self.name,
            "needs": list(self.needs),
            "state": str(self.state),
            "reason": self.reason,
            "tasks": [task.plain() for task in self.tasks.values()],
        }


def together(states: Iterable[State]) -> State:
    """Return one state for many; what has none has nothing to do."""
    found = set(states)
    started = found & {State.RUNNING, *DONE}
    if State.WAITING in found and started and not found & {State.FAILED, State.KILLED}:
        return State.RUNNING
    return next((state for state in WORST_FIRST if state in found), State.UNCHANGED)


def read(record: Mapping[str, Any]) -> list[StepState]:
    """Return the states of a record."""
    found = []
    for step in record["steps"]:
        tasks = {
            each["task"]: TaskState(
                label=each["task"],
                state=State(each["state"]),
                run_id=each["run_id"],
                reason=each["reason"],
                attempts=each["attempts"],
                began_ms=each["began"],
                ended_ms=each["ended"],
            )
            for each in step["tasks"]
        }
        found.append(
            StepState(
                name=step["step"],
                needs=step["needs"],
                tasks=tasks,
                known=bool(tasks),
                state_alone=State(step["state"]),
                reason=step["reason"],
            )
        )
    return found
