"""Metrics of the machine, sampled beside a run and logged with it, under MLflow's names."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pegboard.entities import Metric

if TYPE_CHECKING:
    from pegboard.contracts.run_log import RunLog
    from pegboard.entities import Run

    from pegboard_context.gpu import Devices

N = TypeVar("N", int, float)

PREFIX = "system/"
SAMPLING_INTERVAL = 10.0
"""Seconds between two samples, unless the environment says otherwise."""

_FIRST_SAMPLE_SECONDS = 1.0
_MEGABYTE = 1e6
_TOTALS = ("network_receive_megabytes", "network_transmit_megabytes")
"""What grows from the start of the run, so that the last sample counts and not the mean."""

_active: dict[str, Monitor] = {}
"""By run id. Without a lock: a signal handler may end a run in the midst of anything."""


class Monitor(threading.Thread):
    """A thread that samples the machine until ``stop`` is called.

    Each ``samples`` samples, ``interval`` seconds apart, are logged as one point of each metric:
    their mean. What was sampled last is logged when the run ends.
    """

    def __init__(
        self,
        run: Run,
        client: RunLog,
        *,
        interval: float = SAMPLING_INTERVAL,
        samples: int = 1,
        node_id: str = "",
    ) -> None:
        super().__init__(name=f"pegboard-system-metrics-{run.info.run_id}", daemon=True)
        self._run_id, self._client = run.info.run_id, client
        self._interval, self._samples = interval, samples
        self._prefix = f"{PREFIX}{node_id}/" if node_id else PREFIX
        self._step = _next_step(run, self._prefix)
        self._stopping = threading.Event()
        self._collected: list[dict[str, float]] = []

    def run(self) -> None:
        """Sample until ``stop``; a failure ends the sampling, never the run."""
        try:
            self._monitor(Machine())
        except Exception as error:
            _warn("System metrics of run %s are no longer logged: %s", self._run_id, error)

    def _monitor(self, machine: Machine) -> None:
        # The use of the processor is that since the sample before, so the first one needs a while.
        wait = min(self._interval, _FIRST_SAMPLE_SECONDS)
        while not self._stopping.wait(wait):
            wait = self._interval
            self._collected.append(machine.sample())
            if len(self._collected) >= self._samples:
                self._log()
        self._collected.append(machine.sample())
        self._log()

    def _log(self) -> None:
        now = time.time_ns() // 1_000_000
        points = [
            Metric(self._prefix + name, value, now, self._step)
            for name, value in mean(self._collected).items()
        ]
        self._client.log_batch(self._run_id, metrics=points)
        self._step += 1
        self._collected.clear()

    def stop(self, timeout: float) -> None:
        """Log what was sampled last, and end within ``timeout`` seconds."""
        self._stopping.set()
        self.join(timeout)


class Machine:
    """What the processor, the memory, the disk, the network and the GPUs do."""

    def __init__(self) -> None:
        import psutil

        from pegboard_context import gpu

        self._psutil = psutil
        self._devices: Devices | None = gpu.devices()
        self._received, self._sent = self._network()
        psutil.cpu_percent()

    def sample(self) -> dict[str, float]:
        """Return one sample: percentages from 0 to 100, megabytes of 1,000,000 bytes, watts."""
        memory = self._psutil.virtual_memory()
        disk = self._psutil.disk_usage(os.sep)
        received, sent = self._network()
        values = {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / _MEGABYTE,
            "disk_available_megabytes": disk.free / _MEGABYTE,
            "network_receive_megabytes": (received - self._received) / _MEGABYTE,
            "network_transmit_megabytes": (sent - self._sent) / _MEGABYTE,
        }
        if self._devices is not None:
            values |= self._devices.sample()
        return values

    def _network(self) -> tuple[int, int]:
        counters = self._psutil.net_io_counters()
        # A container without a network has no counters.
        return (0, 0) if counters is None else (counters.bytes_recv, counters.bytes_sent)


def mean(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each value, to one decimal; of a total, the last."""
    result: dict[str, float] = {}
    for name in dict.fromkeys(name for sample in samples for name in sample):
        values = [sample[name] for sample in samples if name in sample]
        result[name] = values[-1] if name in _TOTALS else round(sum(values) / len(values), 1)
    return result


def start(run: Run, client: RunLog, chosen: bool | None, default: bool) -> None:
    """Begin to log for a run, if ``chosen``.

    None leaves it to ``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING``, and without that to ``default``.
    Interval, samples and node come from MLflow's environment variables too.
    """
    if not (_enabled(default) if chosen is None else chosen):
        return
    monitor = Monitor(
        run,
        client,
        interval=_number("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", float, SAMPLING_INTERVAL),
        samples=_number("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", int, 1),
        node_id=os.environ.get("MLFLOW_SYSTEM_METRICS_NODE_ID", ""),
    )
    monitor.start()
    _active[run.info.run_id] = monitor


def finish(run_id: str, timeout: float) -> None:
    """Stop logging for a run, after what was sampled last."""
    monitor = _active.pop(run_id, None)
    if monitor is not None:
        monitor.stop(timeout)


def _next_step(run: Run, prefix: str) -> int:
    """Return the step after the last one that a resumed run has; 0 for a new run."""
    steps = [point.step for key, point in run.data.latest.items() if key.startswith(prefix)]
    return max(steps, default=-1) + 1


def _enabled(default: bool) -> bool:
    text = os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "")
    return text.lower() in ("true", "1") if text else default


def _number(variable: str, kind: Callable[[str], N], default: N) -> N:
    """Return a positive number from the environment; with any other, say so, and the default."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        value = kind(text)
        if 0 < value < math.inf:
            return value
    except ValueError:
        pass
    _warn("%s=%r is not a positive number; %s is used.", variable, text, default)
    return default


def _warn(message: str, *arguments: object) -> None:
    # Not by the warnings module: with -W error it would raise.
    import logging

    logging.getLogger("pegboard").warning(message, *arguments)
