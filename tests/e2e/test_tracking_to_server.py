"""Our client against our server, both as real processes: the contract, and deaths of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pegboard
import pytest
from beyond_contracts import BeyondTheContracts
from hex_ids import HexIds
from pegboard import host, paging
from pegboard.config import Config, HttpConfig
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import LoggedModelInput
from pegboard.errors import NotFound
from pegboard.host import Host
from pegboard_server_process import COMMAND, PegboardServer
from pegboard_testing import (
    ArtifactStoreContract,
    DataSetsContract,
    LabelSchemasContract,
    ListTagsContract,
    LoggedModelStoreContract,
    ReviewQueuesContract,
    ScorersContract,
    TraceFiguresContract,
    TraceStoreContract,
    TrackingStoreContract,
)
from pegboard_tracking.client.artifacts import HttpArtifactStore
from pegboard_wire.client.connection import connect

PURGE = "the protocol knows no purging"
NOT_KEPT = {
    "test_an_unknown_experiment_cannot_be_changed": PURGE,
    "test_only_deleted_and_empty_experiments_are_purged": PURGE,
    "test_an_unknown_run_cannot_be_used": PURGE,
    "test_only_deleted_runs_are_purged": PURGE,
    "test_runs_can_be_purged_while_they_are_listed": PURGE,
    "test_a_purged_id_may_be_used_anew_and_starts_empty": PURGE,
    "test_a_deleted_model_is_shown_no_more_until_it_is_purged": "the protocol does not tell that "
    "a model is deleted",
    "test_a_model_in_use_is_not_purged": PURGE,
    "test_models_go_with_their_experiment_and_their_points_with_the_run": PURGE,
    "test_traces_go_with_their_experiment": PURGE,
    "test_deleted_runs_are_listed_by_time": "the protocol does not tell when a run was deleted",
}
TRAINING = """
import pegboard, sys, time
with pegboard.start_run() as run:
    print(run.info.run_id, flush=True)
    pegboard.log_param("before", 1)
    for step in range(6000):
        pegboard.log_metric("loss", step / 2, step=step)
        if step % 100 == 0:
            pegboard.log_metrics({"a": step, "b": -step}, step=step)
            time.sleep(0.03)
        if step == 3000:
            pegboard.log_param("amid", 2)
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PegboardServer]:
    made = PegboardServer(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


class BehindOurServer:
    """The fixtures of contracts whose stores lie behind the server that all tests share."""

    @pytest.fixture(autouse=True)
    def exception(self, request):
        if reason := NOT_KEPT.get(request.node.originalname):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def url(self, shared):
        return shared.url

    def opened(self, store: TrackingStore) -> TrackingStore:
        return store

    @pytest.fixture
    def open_store(self, shared, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        shared.clear()
        hosts = []

        def open_store() -> TrackingStore:
            hosts.append(Host(Config()))
            return self.opened(hosts[-1].tracking_store(shared.url))

        yield open_store
        for each in hosts:
            each.close()

    @pytest.fixture
    def store(self, open_store):
        return open_store()

    @pytest.fixture
    def reopen(self, store, open_store):
        def reopen() -> TrackingStore:
            store.close()
            return open_store()

        return reopen


class TestStoreBehindOurServer(
    BehindOurServer,
    TrackingStoreContract,
    DataSetsContract,
    ListTagsContract,
    ScorersContract,
    LabelSchemasContract,
    ReviewQueuesContract,
):
    pass


class TestLoggedModelsBehindOurServer(BehindOurServer, LoggedModelStoreContract):
    def test_the_runs_that_use_a_model_are_found(self, store: TrackingStore) -> None:
        models = store.logged_models()
        model_id = models.create("0").model_id
        runs = [store.create_run("0", start_time=time).info.run_id for time in range(3)]
        for run_id in runs:
            models.log_inputs(run_id, [LoggedModelInput(model_id)])
        pages = partial(models.used_by, model_id, max_results=2)
        assert list(paging.items(pages)) == runs[::-1]
        for unknown in ("m-unknown", "../x"):
            with pytest.raises(NotFound):
                models.used_by(unknown)


class TestTracesBehindOurServer(BehindOurServer, TraceStoreContract, TraceFiguresContract):
    def opened(self, store: TrackingStore) -> TrackingStore:
        inner = store.traces
        store.traces = lambda: HexIds(inner())  # type: ignore[method-assign]
        return store


class TestMoreBehindOurServer(BehindOurServer, BeyondTheContracts):
    pass


class TestArtifactsBehindOurServer(ArtifactStoreContract):
    @pytest.fixture
    def store(self, shared, tmp_path) -> ArtifactStore:
        # Each test has a root of its own.
        connection = connect(shared.url, HttpConfig(retries=0))
        return HttpArtifactStore(connection, f"tests/{tmp_path.name}")


# -- deaths ----------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PegboardServer]:
    place = tmp_path / "server"
    place.mkdir()
    made = PegboardServer(place)
    yield made
    made.stop()


@pytest.fixture
def environment(server: PegboardServer, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    return {
        **kept,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PEGBOARD_TRACKING_SENDER": "off",
        "MLFLOW_TRACKING_URI": server.url,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0.1",
    }


@pytest.fixture
def train(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A script that trains for a while; its first line is the run's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.stderr and process.stderr.read()
    return line


def sync(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "sync", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def check_all_is_there(server: PegboardServer, run_id: str, status: str) -> None:
    made = Host(Config())
    try:
        store = made.tracking_store(f"sqlite:{server.database}")
        run = store.get_run(run_id)
        assert run.info.status == status
        assert run.data.params == {"before": "1", "amid": "2"}
        assert [p.step for p in store.metric_history(run_id, "loss")] == list(range(6000))
        for key in ("a", "b"):
            found = [p.step for p in store.metric_history(run_id, key)]
            assert found == list(range(0, 6000, 100))
    finally:
        made.close()


def test_a_server_that_is_killed_and_started_again_amid_a_run_misses_nothing(
    server: PegboardServer, train: subprocess.Popen[str]
) -> None:
    run_id = first_line(train)
    for _ in range(2):
        time.sleep(0.4)
        server.kill()
        time.sleep(0.3)
        server.start()
    out, errors = train.communicate(timeout=120)
    assert out == "done\n", errors
    assert train.returncode == 0
    check_all_is_there(server, run_id, "FINISHED")


def test_what_a_killed_client_logged_is_sent_by_sync(
    server: PegboardServer, train: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    run_id = first_line(train)
    time.sleep(0.5)
    server.kill()
    time.sleep(0.5)
    train.kill()
    train.wait(30)
    assert sync(environment, "--check").returncode == 1
    server.start()
    done = sync(environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert sync(environment, "--check").returncode == 0
    made = Host(Config())
    history = made.tracking_store(f"sqlite:{server.database}").metric_history(run_id, "loss")
    made.close()
    steps = [point.step for point in history]
    assert steps == list(range(len(steps)))
    assert len(steps) > 100


def test_a_script_goes_on_when_its_server_is_gone_for_good(
    server: PegboardServer, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "pegboard.toml").write_text("[plugins.tracking]\njournal_wait_seconds = 0.5\n")
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run_id = first_line(process)
    time.sleep(0.4)
    server.kill()
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "done\n"), errors
    assert errors.count("'pegboard sync'") == 1
    assert "Traceback" not in errors
    server.start()
    assert sync(environment).returncode == 0
    check_all_is_there(server, run_id, "FINISHED")


def test_a_forked_child_logs_to_the_same_server(
    server: PegboardServer, environment: dict[str, str], tmp_path: Path
) -> None:
    code = """
import json, os, pegboard, sys
run = pegboard.start_run()
pegboard.log_metric("parent", 1)
child = os.fork()
if child == 0:
    pegboard.log_metric("child", 2)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
pegboard.log_metric("parent", 3)
pegboard.end_run()
print(json.dumps(pegboard.get_run(run.info.run_id).data.metrics))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"parent": 3.0, "child": 2.0}


def test_files_of_runs_go_where_the_server_says(
    server: PegboardServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    host.use(None)
    client = pegboard.Client(server.url)
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "hello", "notes/a.txt")
    assert [file.path for file in client.list_artifacts(run_id, "notes")] == ["notes/a.txt"]
    assert Path(client.download_artifacts(run_id, "notes/a.txt")).read_text() == "hello"
    host.current().close()
    host.use(None)
