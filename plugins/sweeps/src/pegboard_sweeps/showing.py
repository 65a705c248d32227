"""What people see of a sweep: a line for each trial that ends, and the best at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from pegboard.cli import output
from pegboard.errors import PegboardError, command_line

from pegboard_sweeps.distributions import text_of
from pegboard_sweeps.sweep import Sweep
from pegboard_sweeps.trials import State, Trial

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

    from pegboard_sweeps.running import Done

_LOG = "project/log.txt"
_LOG_BYTES = 200
"""How much of the last line of a trial that failed is shown."""


class Lines:
    """Shows a sweep while it is carried out, on stderr."""

    def __init__(self) -> None:
        """Show it from its beginning."""
        self._sweep: Sweep | None = None

    def began(self, sweep: Sweep, run_id: str, known: Mapping[int, Trial]) -> None:
        """Say what begins, or goes on."""
        self._sweep = sweep
        for text in sweep.notes:
            output.note(output.clean(text))
        name = sweep.name or sweep.code.entry_point
        output.note(output.clean(f"Sweep {name}: {plan_of(sweep)}. Run {run_id}"))
        if known:
            output.note(f"Of an earlier call there are {counted(known)}.")

    def ended(self, trial: Trial, *, is_best: bool) -> None:
        """Show a trial."""
        assert self._sweep is not None
        width = len(str(self._sweep.count))
        result = result_of(trial, self._sweep)
        values = ", ".join(shown_values(self._sweep, trial.values))
        words = [f"{trial.number:>{width}}", f"{result:<24}", f"{trial.seconds:7.1f} s", values]
        reason = trial.reason if trial.state is not State.STOPPED else ""
        if trial.state is State.FAILED and (last := last_line(trial)):
            reason = f"{reason} {last}"
        mark = "*" if is_best else " "
        line = output.clean(f"{mark} {'  '.join(words)}{f'  {reason}' if reason else ''}")
        click.secho(line, err=True, bold=is_best)


def plan_of(sweep: Sweep) -> str:
    """Return how a sweep searches, in words."""
    metric = sweep.metric
    what = "" if metric is None else f", to {metric.goal} {metric.name}"
    at_once = "" if sweep.concurrency == 1 else f", {sweep.concurrency} at a time"
    return f"{sweep.method}, {_trials(sweep.count)}{at_once}{what}"


def result_of(trial: Trial, sweep: Sweep) -> str:
    """Return what came of a trial."""
    name = sweep.metric.name if sweep.metric is not None else ""
    if trial.value is None or trial.state in (State.FAILED, State.LOST):
        return "broken off" if trial.state is State.LOST else str(trial.state)
    value = f"{name} {trial.value:.6g}"
    return f"{value}, stopped" if trial.state is State.STOPPED else value


def shown_values(sweep: Sweep, values: Mapping[str, Any]) -> list[str]:
    """Return what varies, as ``name=value``, shortened for people."""
    return [f"{name}={_short(values[name])}" for name in sweep.varying if name in values]


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else text_of(value)


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"


def counted(found: Mapping[int, Trial]) -> str:
    """Return how many trials there are of each state."""
    words = {
        State.FINISHED: "finished",
        State.STOPPED: "stopped early",
        State.FAILED: "failed",
        State.LOST: "broken off",
        State.RUNNING: "running",
    }
    states = [trial.state for trial in found.values()]
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
    return f"{_trials(len(states))}: {', '.join(parts)}" if parts else _trials(0)


def last_line(trial: Trial) -> str:
    """Return the last line that a trial said, shortened; "" if there is none."""
    from pegboard_scripting.client import Client
    from pegboard_scripting.client.transfer import read_bytes

    if trial.run_id is None:
        return ""
    client: Client = Client()
    with contextlib.suppress(PegboardError):
        said = read_bytes(client.artifacts(trial.run_id), _LOG).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), "")[:_LOG_BYTES]
    return ""


def show_end(done: Done) -> None:
    """Print the best trial, and say how to look at it and run it again."""
    sweep, best = done.sweep, done.best
    output.note(f"{done.status}. {counted(done.trials)}.")
    if done.gave_up:
        output.note(f"It ended as {sweep.max_failures} trials failed in a row (max_failures).")
    if best is None:
        if sweep.metric is None:
            output.note("There is no 'metric', so none is the best.")
        else:
            output.note(f"No trial finished with a value of {output.clean(sweep.metric.name)}.")
        return
    assert sweep.metric is not None
    output.print_record(
        [
            ("best trial", f"{best.number} of {sweep.count}"),
            (sweep.metric.name, text_of(best.value)),
            *((f"  {name}", text_of(value)) for name, value in best.values.items()),
            ("run", best.run_id),
            ("sweep", done.run_id),
        ]
    )
    output.note(f"Look at it: {command_line('pegboard', 'runs', 'show', best.run_id)}")
    output.note(f"Run it again: {command_line('pegboard', 'rerun', best.run_id)}")


def facts(done: Done) -> dict[str, Any]:
    """Return what programs want to know of a sweep."""
    best = done.best
    return {
        "run_id": done.run_id,
        "status": str(done.status),
        "method": done.sweep.method,
        "metric": done.sweep.metric and done.sweep.metric.name,
        "goal": done.sweep.metric and done.sweep.metric.goal,
        "count": done.sweep.count,
        "best": None if best is None else _facts(best),
        "trials": [_facts(done.trials[number]) for number in sorted(done.trials)],
    }


def _facts(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "run_id": trial.run_id,
        "state": str(trial.state),
        "value": trial.value,
        "parameters": dict(trial.values),
        "reason": trial.reason,
    }
