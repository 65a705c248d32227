"""Logs to the active run what is written for TensorBoard."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Generator
from types import ModuleType
from typing import Any

from pegboard_models.autologging import Call, Integration, PointBuffer, RunLog
from pegboard_scripting.fluent import runs

_buffers: dict[str, PointBuffer] = {}
_lock = threading.RLock()


def patch(integration: Integration, module: ModuleType) -> None:
    """Observe the writers of ``torch.utils.tensorboard``."""

    def observe_event(call: Call) -> Generator[None, Any, None]:
        yield
        every = integration.switches.options["log_every_n_step"]
        if every and (run := _active_run()) is not None:
            step = call.args[2] if len(call.args) > 2 else call.kwargs.get("step")
            _log_event(run, call.args[1], int(step or 0), every)

    def observe_hparams(call: Call) -> Generator[None, Any, None]:
        yield
        if (run := _active_run()) is not None:
            params, metrics = call.args[1:3]
            run.params(params)
            run.metrics(metrics)

    def observe_flush(call: Call) -> Generator[None, Any, None]:
        del call
        yield
        flush()

    integration.observe_method(module.FileWriter, "add_event", observe_event)
    integration.observe_method(module.FileWriter, "flush", observe_flush)
    integration.observe_method(module.FileWriter, "close", observe_flush)
    integration.observe_method(module.SummaryWriter, "add_hparams", observe_hparams)
    atexit.register(flush)


def flush() -> None:
    """Log the points that wait for others to be logged together with."""
    with _lock:
        buffers = list(_buffers.values())
        _buffers.clear()
        for buffer in buffers:
            buffer.flush()


def _active_run() -> RunLog | None:
    if not runs.here.stack:
        return None
    active = runs.here.stack[-1]
    return RunLog(active.client, active.run.info.run_id, active.run.info.experiment_id)


def _log_event(run: RunLog, event: Any, step: int, every: int) -> None:
    if event.WhichOneof("what") != "summary" or step % every:
        return
    values = {
        value.tag: value.simple_value
        for value in event.summary.value
        if value.HasField("simple_value")
    }
    with _lock:
        if run.run_id not in _buffers:
            _buffers[run.run_id] = PointBuffer(run)
        _buffers[run.run_id].add(values, step)
