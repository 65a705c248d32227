"""Runs of clients of our server: alive, killed, asleep, and ended in order."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import RunStatus
from pegboard.host import Host
from pegboard_server_process import PegboardServer

LOST_TAG = "pegboard.lost.last_seen"
SETTINGS = "[plugins.tracking]\nlost_after_seconds = 4.0\nheartbeat_seconds = 0.5\n"
SCRIPT = """
import pegboard, sys
with pegboard.start_run() as run:
    pegboard.log_metric("before", 1)
    print(run.info.run_id, flush=True)
    sys.stdin.readline()
    pegboard.log_metric("after", 2)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PegboardServer]:
    place = tmp_path_factory.mktemp("server")
    (place / "pegboard.toml").write_text(SETTINGS)
    made = PegboardServer(place)
    yield made
    made.stop()


@pytest.fixture
def start(
    server: PegboardServer, tmp_path: Path
) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str]]]:
    """Return what starts a process that has a run; it ends when it is sent a line."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    environment = {
        **kept,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PEGBOARD_TRACKING_SENDER": "off",
        "MLFLOW_TRACKING_URI": server.url,
    }
    processes = []

    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def store(
    server: PegboardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrackingStore]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "reader"))
    host = Host(Config())
    yield host.tracking_store(server.url)
    host.close()


def wait_for(store: TrackingStore, run_id: str, status: RunStatus) -> None:
    deadline = time.monotonic() + 60
    while (found := store.get_run(run_id).info.status) is not status:
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.1)


def writers(server: PegboardServer) -> int:
    with sqlite3.connect(server.database, timeout=30) as connection:
        return int(connection.execute("SELECT count(*) FROM writer").fetchone()[0])


def test_the_run_of_a_killed_client_is_lost_and_that_of_a_living_one_is_not(
    server, store, start
) -> None:
    killed, dead = start()
    living, alive = start()
    wait_for(store, dead, RunStatus.RUNNING)
    killed.kill()
    wait_for(store, dead, RunStatus.LOST)
    run = store.get_run(dead)
    assert LOST_TAG in run.data.tags
    assert run.info.end_time is not None
    # Longer than a client may be silent: it gives signs of life all the time.
    time.sleep(5)
    wait_for(store, alive, RunStatus.RUNNING)
    living.communicate("\n", timeout=60)
    assert store.get_run(alive).info.status is RunStatus.FINISHED
    assert store.get_run(dead).info.status is RunStatus.LOST


def test_a_client_that_wakes_up_has_its_run_again(store, start) -> None:
    process, run_id = start()
    os.kill(process.pid, signal.SIGSTOP)
    wait_for(store, run_id, RunStatus.LOST)
    os.kill(process.pid, signal.SIGCONT)
    wait_for(store, run_id, RunStatus.RUNNING)
    found = store.get_run(run_id)
    assert LOST_TAG not in found.data.tags
    assert found.info.end_time is None
    process.communicate("\n", timeout=60)
    done = store.get_run(run_id)
    assert done.info.status is RunStatus.FINISHED
    assert done.data.metrics == {"before": 1.0, "after": 2.0}


def test_a_client_that_ends_in_order_leaves_nothing(server, store, start) -> None:
    before = writers(server)
    process, run_id = start()
    assert writers(server) == before + 1
    process.communicate("\n", timeout=60)
    assert store.get_run(run_id).info.status is RunStatus.FINISHED
    assert writers(server) == before


def test_late_data_opens_a_lost_run_again(store, start) -> None:
    process, run_id = start()
    process.kill()
    wait_for(store, run_id, RunStatus.LOST)
    store.metric_writer().log(run_id, "late", 3.0, 1, 0)
    found = store.get_run(run_id)
    assert found.info.status is RunStatus.RUNNING
    assert found.data.metrics["late"] == 3.0
    # Nobody keeps it alive.
    wait_for(store, run_id, RunStatus.LOST)


def test_the_runs_of_living_clients_outlive_an_outage_of_the_server(server, store, start) -> None:
    process, run_id = start()
    server.kill()
    # Longer than a client may be silent.
    time.sleep(5)
    server.start()
    assert store.get_run(run_id).info.status is RunStatus.RUNNING
    process.communicate("\n", timeout=60)
    wait_for(store, run_id, RunStatus.FINISHED)
