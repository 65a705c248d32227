"""``pegboard.sweeps``: sweeps from scripts."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from pegboard_projects import by_signals, config_of

from pegboard_sweeps import reading, running, showing
from pegboard_sweeps.errors import SweepError, SweepFailed
from pegboard_sweeps.resuming import Manner
from pegboard_sweeps.trials import State, Trial

__all__ = ["State", "SweepError", "SweepFailed", "SweepResult", "Trial", "run"]


@frozen(kw_only=True)
class SweepResult:
    """What a sweep found: ``best`` is None if it has no metric. ``run_id`` is the sweep's run."""

    run_id: str
    status: str
    best: Trial | None
    trials: Sequence[Trial] = field(repr=False)


def run(
    sweep: str | Path | Mapping[str, Any],
    *,
    run_cap: int | None = None,
    concurrency: int | None = None,
    experiment_name: str | None = None,
    run_name: str | None = None,
    backend: str | None = None,
    backend_config: Mapping[str, Any] | str | Path | None = None,
    env_manager: str | None = None,
    retry_failed: bool = False,
    new: bool = False,
    take_over: bool = False,
) -> SweepResult:
    """Carry out a sweep, the path of a file or what one holds, and return what it found.

    One that was broken off goes on. SweepError and ProjectError say what is wrong before anything
    is begun; SweepFailed: no trial finished, or too many failed in a row.
    """
    made = reading.made if isinstance(sweep, Mapping) else reading.load
    given: Any = sweep if isinstance(sweep, Mapping) else Path(sweep)
    found = reading.overridden(
        made(given, run_cap),
        concurrency=concurrency,
        backend=backend,
        backend_config=None if backend_config is None else config_of(backend_config),
        env_manager=env_manager,
    )
    manner = Manner(
        experiment_name=experiment_name,
        run_name=run_name,
        retry_failed=retry_failed,
        new=new,
        take_over=take_over,
    )
    with by_signals() as cancelling:
        done = running.carry_out(found, manner, showing.Lines(), cancelling)
    if done.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if done.signal is not None:
        # It was meant for this process, too.
        signal.raise_signal(done.signal)
    if done.status != "FINISHED":
        raise SweepFailed(
            f"The sweep failed: {showing.counted(done.trials)}.",
            run_id=done.run_id,
            hint="Mend what is wrong, and try again what failed with retry_failed=True.",
        )
    ordered = [done.trials[number] for number in sorted(done.trials)]
    return SweepResult(run_id=done.run_id, status=str(done.status), best=done.best, trials=ordered)
