"""A server that is killed, stopped, starved of space or locked out keeps what it acknowledged."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import itertools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

SECONDS = 60.0
API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}


@define
class Server:
    """A server process on a store in a directory."""

    process: subprocess.Popen[str]
    port: int

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def post(self, path: str, fields: Any) -> tuple[int, Any]:
        return self._send("POST", f"{API}/{path}", json.dumps(fields).encode())

    def get(self, path: str) -> tuple[int, Any]:
        return self._send("GET", f"{API}/{path}", None)

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, JSON)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def create_run(self) -> str:
        status, body = self.post("runs/create", {"experiment_id": "0", "start_time": 1})
        assert status == 200, body
        return str(body["run"]["info"]["run_id"])

    def steps(self, run_id: str, key: str) -> list[int]:
        """Return the steps of all points of a metric."""
        found: list[int] = []
        token = ""
        while True:
            query = f"run_id={run_id}&metric_key={key}&max_results=25000&page_token={token}"
            status, page = self.get(f"metrics/get-history?{query}")
            assert status == 200, page
            found += [int(point["step"]) for point in page.get("metrics", [])]
            token = page.get("next_page_token", "")
            if not token:
                return found

    def data(self, run_id: str) -> Any:
        status, body = self.get(f"runs/get?run_id={run_id}")
        assert status == 200, body
        return body["run"]["data"]


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers on one store; whatever still runs is killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*options: str, config: str = "", before: Callable[[], None] | None = None) -> Server:
        (tmp_path / "pegboard.toml").write_text(config)
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("pegboard")),
                    *("server", "--store", f"sqlite:{tmp_path}/s.db", "--port", "0"),
                    *("--no-access-log", *options),
                ],
                cwd=tmp_path,
                env={**os.environ, "PEGBOARD_CONFIG": str(tmp_path / "pegboard.toml")},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=before,
            )
        begun.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, (tmp_path / "log").read_text()
        return Server(process, int(line.strip().rpartition(":")[2].strip("/")))

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)


# -- load ---------------------------------------------------------------------------------------


@define
class Writer:
    """Sends one kind of write after the other on one connection and notes what was answered."""

    server: Server
    run_id: str
    name: str
    kind: str
    acknowledged: list[int] = field(factory=list)
    refused: list[tuple[int, bytes]] = field(factory=list)
    torn: list[Exception] = field(factory=list)
    """Answers that broke off."""
    in_flight: bool = False

    def __call__(self) -> None:
        connection = self.server.connection()
        for number in itertools.count():
            path, fields = self._request(number)
            try:
                connection.request("POST", f"{API}/runs/{path}", json.dumps(fields), JSON)
                answer = connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                return
            except http.client.HTTPException as error:
                self.torn.append(error)
                return
            try:
                body = answer.read()
                json.loads(body)
            except (http.client.HTTPException, ConnectionError, ValueError) as error:
                self.torn.append(error)
                return
            if answer.status == 200:
                self.acknowledged.append(number)
            else:
                self.refused.append((answer.status, body))

    def _request(self, number: int) -> tuple[str, dict[str, Any]]:
        run, key = self.run_id, f"{self.name}{number}"
        metric = {"key": self.name, "value": number / 2, "timestamp": number, "step": number}
        if self.kind == "metric":
            return "log-metric", {"run_id": run, **metric}
        if self.kind == "param":
            return "log-parameter", {"run_id": run, "key": key, "value": str(number)}
        if self.kind == "tag":
            return "set-tag", {"run_id": run, "key": key, "value": str(number)}
        param = {"key": key, "value": str(number)}
        second = {**metric, "key": f"{self.name}b"}
        return "log-batch", {"run_id": run, "metrics": [metric, second], "params": [param]}

    def missing(self, server: Server) -> set[int]:
        """Return which acknowledged writes a server does not find."""
        wanted = set(self.acknowledged)
        data = server.data(self.run_id)
        params = {entry["key"]: entry["value"] for entry in data.get("params", [])}
        tags = {entry["key"]: entry["value"] for entry in data.get("tags", [])}
        parts = {
            "metric": [lambda: set(server.steps(self.run_id, self.name))],
            "param": [lambda: {n for n in wanted if params.get(f"{self.name}{n}") == str(n)}],
            "tag": [lambda: {n for n in wanted if tags.get(f"{self.name}{n}") == str(n)}],
        }
        parts["batch"] = [
            *parts["metric"],
            lambda: set(server.steps(self.run_id, f"{self.name}b")),
            *parts["param"],
        ]
        lost: set[int] = set()
        for found in parts[self.kind]:
            lost |= wanted - found()
        return lost


KINDS = ("metric", "metric", "param", "tag", "batch", "batch")


@contextlib.contextmanager
def loaded(server: Server) -> Iterator[list[Writer]]:
    """Write in several ways at once until the server is gone, each kind to a run of its own."""
    writers = [Writer(server, server.create_run(), f"w{i}", kind) for i, kind in enumerate(KINDS)]
    threads = [threading.Thread(target=writer) for writer in writers]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(len(writer.acknowledged) >= 5 for writer in writers))
    yield writers
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lost(writers: list[Writer], server: Server) -> dict[str, set[int]]:
    """Return the acknowledged writes that are missing, by writer."""
    return {w.name + w.kind: gone for w in writers if (gone := w.missing(server))}


# -- killed and stopped --------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("after", [0.0, 1.0])
def test_kill_9_under_load_loses_no_acknowledged_write(
    start: Start, after: float, workers: str
) -> None:
    server = start("--workers", workers)
    with loaded(server) as writers:
        time.sleep(after)
        server.process.kill()
    again = start()
    assert lost(writers, again) == {}
    assert not any(writer.refused for writer in writers)


def test_kill_9_again_and_again_loses_nothing(start: Start) -> None:
    past: list[Writer] = []
    for _ in range(4):
        server = start()
        assert lost(past, server) == {}
        with loaded(server) as writers:
            server.process.kill()
        past += writers
    assert lost(past, start()) == {}


def test_a_batch_is_found_whole_or_not_at_all_after_kill_9(start: Start) -> None:
    server = start()
    with loaded(server) as writers:
        server.process.kill()
    again = start()
    for writer in writers:
        if writer.kind == "batch":
            first = again.steps(writer.run_id, writer.name)
            assert first == again.steps(writer.run_id, f"{writer.name}b")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_under_load_loses_nothing_and_tears_no_answer(
    start: Start, tmp_path: Path, workers: str, number: int
) -> None:
    server = start("--workers", workers)
    with loaded(server) as writers:
        server.process.send_signal(number)
    assert server.process.wait(SECONDS) == 0
    assert [writer.torn for writer in writers if writer.torn] == []
    assert [writer.refused for writer in writers if writer.refused] == []
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert list((tmp_path / "s.db.journal").glob("*.wal")) == []
    assert lost(writers, start()) == {}


# -- locked ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold SQLite's lock of a store as a long transaction of another program would."""
    with contextlib.closing(sqlite3.connect(file, timeout=SECONDS)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def locked_file(file: Path) -> Iterator[None]:
    """Hold the lock for which pegboard's processes wait in line, as one that hangs would."""
    with file.with_name(f"{file.name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("lock", [locked, locked_file])
def test_a_store_that_is_locked_for_long_is_told_and_others_are_served(
    start: Start, tmp_path: Path, lock: Callable[[Path], contextlib.AbstractContextManager[None]]
) -> None:
    server = start()
    run_id = server.create_run()
    param = {"run_id": run_id, "key": "a", "value": "1"}
    answers: list[tuple[int, Any]] = []
    # More than there are threads for calls.
    writers = [
        threading.Thread(target=lambda: answers.append(server.post("runs/log-parameter", param)))
        for _ in range(12)
    ]
    with lock(tmp_path / "s.db"):
        for writer in writers:
            writer.start()
        for step in range(10):
            point = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "step": step}
            assert server.post("runs/log-metric", point) == (200, {})
        assert server.get("experiments/get?experiment_id=0")[0] == 200
        for writer in writers:
            writer.join(SECONDS)
        # The limit is a second; a busy machine is slower, but nobody waits for the lock's end.
        assert len(answers) == len(writers)
    for status, body in answers:
        assert status == 503
        assert body["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert str(tmp_path) not in body["message"]
    assert server.steps(run_id, "m") == list(range(10))
    assert server.data(run_id).get("params", []) == []
    assert server.post("runs/log-parameter", param) == (200, {})


# -- full -----------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_keeps_what_was_acknowledged(start: Start, tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the system call fails the same way."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    server = start(before=limit)
    run_id = server.create_run()
    other = server.create_run()
    size = 2**20
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    kept: list[int] = []
    refused: list[tuple[int, Any]] = []
    for number in range(400):
        params = [{"key": f"p{number}-{i}", "value": "x" * 500} for i in range(20)]
        status, body = server.post("runs/log-batch", {"run_id": run_id, "params": params})
        if status == 200:
            kept.append(number)
        else:
            refused.append((status, body))
            if len(refused) == 3:
                break
    assert [status for status, _ in refused] == [503] * 3, refused
    for _, body in refused:
        assert body["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert str(tmp_path) not in body["message"]
    assert server.data(other)["tags"]
    found = {entry["key"] for entry in server.data(run_id)["params"]}
    assert found == {f"p{number}-{i}" for number in kept for i in range(20)}

    infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, infinite)
    tag = {"run_id": run_id, "key": "after", "value": "1"}
    assert server.post("runs/set-tag", tag) == (200, {})
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0


@contextlib.contextmanager
def no_file_may_grow(server: Server, tmp_path: Path) -> Iterator[None]:
    """Leave just enough room for a journal: the store's log of writes is longer by now."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    yield
    infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, infinite)


@contextlib.contextmanager
def others_hold_it(server: Server, tmp_path: Path) -> Iterator[None]:
    with locked_file(tmp_path / "s.db"):
        yield


@pytest.mark.parametrize("trouble", [no_file_may_grow, others_hold_it])
def test_what_was_acknowledged_is_read_where_nothing_can_be_written(
    start: Start,
    tmp_path: Path,
    trouble: Callable[[Server, Path], contextlib.AbstractContextManager[None]],
) -> None:
    server = start()
    run_id, other = server.create_run(), server.create_run()
    with trouble(server, tmp_path):
        for step in range(5):
            point = {"run_id": run_id, "key": "m", "value": step, "timestamp": 1, "step": step}
            for _ in range(2):
                # A client that lost the answer sends it again.
                assert server.post("runs/log-metric", point) == (200, {})
            assert [entry["value"] for entry in server.data(run_id)["metrics"]] == [step]
            assert server.steps(run_id, "m") == list(range(step + 1))
            status, found = server.post(
                "runs/search", {"experiment_ids": ["0"], "filter": f"metrics.m = {step}"}
            )
            assert status == 200, found
            assert [run["info"]["run_id"] for run in found["runs"]] == [run_id]
        status, found = server.post(
            "runs/search", {"experiment_ids": ["0"], "order_by": ["metrics.m DESC"]}
        )
        assert status == 200, found
        assert [run["info"]["run_id"] for run in found["runs"]] == [run_id, other]
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0
    again = start()
    assert again.steps(run_id, "m") == list(range(5))


# -- shared ---------------------------------------------------------------------------------------


def test_two_servers_on_one_store_see_each_others_writes(start: Start) -> None:
    one, two = start(), start()
    run_id = one.create_run()
    for step in range(20):
        writer, reader = (one, two) if step % 2 else (two, one)
        point = {"run_id": run_id, "key": "m", "value": step, "timestamp": 1, "step": step}
        assert writer.post("runs/log-metric", point) == (200, {})
        tag = {"run_id": run_id, "key": "last", "value": str(step)}
        assert writer.post("runs/set-tag", tag) == (200, {})
        assert reader.steps(run_id, "m") == list(range(step + 1))
        tags = {entry["key"]: entry["value"] for entry in reader.data(run_id)["tags"]}
        assert tags["last"] == str(step)
    assert one.post("runs/delete", {"run_id": run_id}) == (200, {})
    point = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "step": 99}
    status, body = two.post("runs/log-metric", point)
    assert status == 400, body


def test_two_servers_write_under_load_and_one_is_killed(start: Start) -> None:
    one, two = start(), start()
    with loaded(one) as first, loaded(two) as second:
        one.process.kill()
        wait_for(lambda: all(len(writer.acknowledged) > 50 for writer in second))
        two.process.terminate()
    assert two.process.wait(SECONDS) == 0
    assert not any(writer.refused or writer.torn for writer in second)
    assert lost([*first, *second], start()) == {}
