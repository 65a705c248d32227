"""System metrics (T10) and GPUs."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from pegboard.entities import Metric, Run
from pegboard_context import environment, gpu, system_metrics
from pegboard_context.system_metrics import Machine, Monitor, mean
from pegboard_scripting.client import Client

NAMES = {
    "cpu_utilization_percentage",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
    "disk_usage_percentage",
    "disk_usage_megabytes",
    "disk_available_megabytes",
    "network_receive_megabytes",
    "network_transmit_megabytes",
}


class FakeNvml:
    """Two devices, the second without power readings; strict about the order of calls."""

    class NVMLError(Exception):
        """As in pynvml."""

    def __init__(self, count: int = 2) -> None:
        self._count: int | None = None
        self._devices = count

    def nvmlInit(self) -> None:
        self._count = self._devices
        if not self._count:
            raise self.NVMLError("NVML Shared Library Not Found")

    def _known(self, handle: str) -> int:
        if self._count is None:
            raise self.NVMLError("Uninitialized")
        assert isinstance(handle, str)
        return int(handle.removeprefix("handle-"))

    def nvmlDeviceGetCount(self) -> int:
        self._known("handle-0")
        assert self._count is not None
        return self._count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        assert self._count is not None
        assert 0 <= index < self._count
        return f"handle-{index}"

    def nvmlDeviceGetName(self, handle: str) -> str | bytes:
        return [b"Tesla A", "Tesla B"][self._known(handle)]

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        used = [4_000_000_000, 1_000_000_000][self._known(handle)]
        return SimpleNamespace(total=16_000_000_000, used=used, free=16_000_000_000 - used)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:
        return SimpleNamespace(gpu=[87, 0][self._known(handle)], memory=1)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        if self._known(handle) == 1:
            raise self.NVMLError("Not Supported")
        return 150_000

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: str) -> int:
        self._known(handle)
        return 300_000


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """Return a stand-in for pynvml: no test machine has such a device."""
    fake = FakeNvml()
    monkeypatch.setitem(__import__("sys").modules, "pynvml", fake)
    return fake


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    return Client(f"memory:{request.node.name}")


@pytest.fixture
def run(client: Client) -> Run:
    return client.create_run("0")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ENABLE_SYSTEM_METRICS_LOGGING",
        "SYSTEM_METRICS_SAMPLING_INTERVAL",
        "SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
        "SYSTEM_METRICS_NODE_ID",
    ):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)


def logged(client: Client, run: Run) -> dict[str, list[int]]:
    """Return the steps of each metric of a run."""
    keys = client.get_run(run.info.run_id).data.metrics
    return {
        key: [point.step for point in client.get_metric_history(run.info.run_id, key)]
        for key in keys
    }


# -- readings --------------------------------------------------------------------------------------


def test_a_sample_holds_mlflows_metrics_in_their_ranges() -> None:
    machine = Machine()
    sum(range(1_000_000))
    values = machine.sample()
    assert {name for name in values if not name.startswith("gpu_")} == NAMES
    for name, value in values.items():
        assert 0 <= value <= (100 if name.endswith("percentage") else float("inf")), name
    assert values["system_memory_usage_megabytes"] > 10


def test_gpus_are_sampled_under_mlflows_names(nvml: FakeNvml) -> None:
    values = {k: v for k, v in Machine().sample().items() if k.startswith("gpu_")}
    assert values == {
        "gpu_0_memory_usage_percentage": 25.0,
        "gpu_0_memory_usage_megabytes": 4000.0,
        "gpu_0_utilization_percentage": 87,
        "gpu_0_power_usage_watts": 150.0,
        "gpu_0_power_usage_percentage": 50.0,
        "gpu_1_memory_usage_percentage": 6.25,
        "gpu_1_memory_usage_megabytes": 1000.0,
        "gpu_1_utilization_percentage": 0,
    }


def test_the_environment_names_the_gpus(nvml: FakeNvml) -> None:
    environment.description.cache_clear()
    try:
        assert environment.description()["gpus"] == [
            {"name": "Tesla A", "memory_bytes": 16_000_000_000},
            {"name": "Tesla B", "memory_bytes": 16_000_000_000},
        ]
    finally:
        environment.description.cache_clear()


def test_a_machine_without_driver_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", FakeNvml(0))
    assert gpu.devices() is None
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert gpu.devices() is None


def test_samples_become_their_mean_and_totals_their_last() -> None:
    samples = [
        {"cpu": 10.0, "network_receive_megabytes": 1.0},
        {"cpu": 20.04, "network_receive_megabytes": 3.25, "late": 1.0},
    ]
    assert mean(samples) == {"cpu": 15.0, "network_receive_megabytes": 3.25, "late": 1.0}


# -- logging beside a run --------------------------------------------------------------------------


def finish(monitor: Monitor) -> None:
    monitor.stop(timeout=30)
    assert not monitor.is_alive()


def test_a_short_run_gets_one_point_of_each_metric(client: Client, run: Run) -> None:
    monitor = Monitor(run, client, interval=60)
    monitor.start()
    finish(monitor)
    assert logged(client, run) == {f"system/{name}": [0] for name in NAMES}


class Waiting(Client):
    """A client that tells when a number of batches have been logged."""

    def wait_for(self, batches: int) -> None:
        self.left = threading.Semaphore(0)
        for _ in range(batches):
            assert self.left.acquire(timeout=30)

    def log_batch(self, *arguments: Any, **keywords: Any) -> Any:
        answer = super().log_batch(*arguments, **keywords)
        if hasattr(self, "left"):
            self.left.release()
        return answer


def test_points_are_logged_step_by_step_while_the_run_goes_on(request, run: Run) -> None:
    client = Waiting("memory:test_points_are_logged_step_by_step_while_the_run_goes_on")
    monitor = Monitor(run, client, interval=0.02, samples=2, node_id="node-1")
    monitor.start()
    client.wait_for(3)
    finish(monitor)
    steps = logged(client, run)
    assert set(steps) == {f"system/node-1/{name}" for name in NAMES}
    assert all(found == list(range(len(found))) for found in steps.values())
    assert len(steps["system/node-1/cpu_utilization_percentage"]) >= 4


def test_a_resumed_run_continues_the_steps(client: Client, run: Run) -> None:
    points = [Metric("system/cpu_utilization_percentage", 1.0, 0, 41), Metric("loss", 1.0, 0, 900)]
    client.log_batch(run.info.run_id, metrics=points)
    monitor = Monitor(client.get_run(run.info.run_id), client)
    monitor.start()
    finish(monitor)
    steps = logged(client, run)
    assert steps["system/cpu_utilization_percentage"] == [41, 42]
    assert steps["system/disk_usage_percentage"] == [42]


def test_a_failure_is_reported_once_and_ends_the_sampling_only(
    client: Client, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    client.delete_run(run.info.run_id)
    monitor = Monitor(run, client, interval=0.01)
    with caplog.at_level(logging.WARNING, "pegboard"):
        monitor.start()
        monitor.join(30)
        finish(monitor)
    assert len(caplog.records) == 1
    assert f"System metrics of run {run.info.run_id} are no longer logged" in caplog.text


@pytest.mark.parametrize(
    ("chosen", "variable", "default", "logs"),
    [
        (True, "false", False, True),
        (False, "true", True, False),
        (None, "true", False, True),
        (None, "false", True, False),
        (None, "", True, True),
        (None, "", False, False),
    ],
)
def test_the_call_wins_over_the_environment_and_that_over_the_settings(
    client: Client, run: Run, monkeypatch, chosen, variable, default, logs
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", variable)
    system_metrics.start(run, client, chosen, default)
    system_metrics.finish(run.info.run_id, timeout=30)
    assert bool(logged(client, run)) is logs


def test_a_bad_number_in_the_environment_is_reported_and_replaced(
    client: Client, monkeypatch, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("often", "-1", "0", "nan", "inf"):
        run = client.create_run("0")
        monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", text)
        caplog.clear()
        system_metrics.start(run, client, True, False)
        system_metrics.finish(run.info.run_id, timeout=30)
        assert f"'{text}' is not a positive number; 10.0 is used." in caplog.text
        assert len(logged(client, run)["system/cpu_utilization_percentage"]) == 1
