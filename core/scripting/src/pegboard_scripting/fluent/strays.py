"""Warnings about runs that were started because a thread or a worker logged without one.

A script that logs without ``start_run`` gets a run, as with MLflow. A thread or a worker process
that does so mostly means a run that exists elsewhere, so there is a warning that names both.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.entities import Run

_HINT = (
    "To log to a run that exists, pass its id to the logging functions (run_id=…), or begin with "
    "start_run(run_id=…)."
)


def warn(run: Run, open_runs: int) -> None:
    """Warn of a run that was started by logging, where ``open_runs`` others were open already."""
    reason = _reason(open_runs)
    if reason:
        logging.getLogger("pegboard").warning(
            "The run %r (%s) was started for what %s logs: %s. %s",
            run.info.run_name,
            run.info.run_id,
            _place(),
            reason,
            _HINT,
        )


def _reason(open_runs: int) -> str:
    if open_runs:
        return f"{open_runs} runs are open in this process, none of them in this thread"
    if _worker() is not None:
        return "no run is open in this worker process, which knows nothing of its parent's runs"
    if threading.current_thread() is not threading.main_thread():
        return "no run is open in this process"
    return ""


def _place() -> str:
    worker = _worker()
    return (
        f"the process {worker!r}" if worker else f"the thread {threading.current_thread().name!r}"
    )


def _worker() -> str | None:
    """Return the name of this process if multiprocessing started it as a worker."""
    processes = sys.modules.get("multiprocessing.process")
    if processes is None or processes.parent_process() is None:
        return None
    name: str = processes.current_process().name
    return name
