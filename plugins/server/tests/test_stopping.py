"""The end of a server, and of its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from .conftest import COMMAND, SECONDS, Reply, Server, Start, environment
from .test_dispatch import wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_stops_with_success_and_closes_the_store(
    start: Start, tmp_path: Path, number: int, workers: str
) -> None:
    server = start("--workers", workers)
    assert server.is_well()
    (tmp_path / "store.closed").unlink(missing_ok=True)
    assert server.stop(number) == 0
    assert (tmp_path / "store.closed").exists()
    assert "Traceback" not in server.errors
    assert "Fatal" not in server.errors


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_in_flight_is_answered_before_the_end(
    start: Start, tmp_path: Path, workers: str
) -> None:
    server, file = start("--workers", workers), tmp_path / "go"
    answers: list[Reply] = []
    thread = threading.Thread(
        target=lambda: answers.append(server("GET", f"/api/probe/wait?file={file}"))
    )
    thread.start()
    wait_for(Path(f"{file}.begun"))
    server.process.send_signal(signal.SIGTERM)
    wait_until_refused(server)
    assert server.process.poll() is None
    file.touch()
    thread.join(SECONDS)
    assert [answer.json for answer in answers] == [{"waited": True}]
    assert server.stop() == 0


def test_a_request_that_never_ends_does_not_keep_it_alive(start: Start, tmp_path: Path) -> None:
    server = start(config="[plugins.server]\nstop_timeout_seconds = 1.0\n")
    with server.connect() as connection:
        note = tmp_path / "note"
        target = f"PUT /api/probe/files/a?note={note} HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{target}Content-Length: 1000\r\n\r\nsome".encode())
        assert server.is_well()
        assert server.stop() == 0


BRIEF = "[plugins.server]\nstop_timeout_seconds = 1.0\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("endpoint", ["wait", "hold", "elsewhere"])
def test_a_call_that_is_stuck_does_not_keep_it_alive(
    start: Start, tmp_path: Path, endpoint: str, workers: str, number: int
) -> None:
    server = start("--workers", workers, config=BRIEF)
    file = tmp_path / "never"
    with server.connect() as connection:
        target = f"GET /api/probe/{endpoint}?file={file} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(target.encode())
        wait_for(Path(f"{file}.begun"))
        assert server.stop(number) == 0
    (late,) = [line for line in server.log if line["kind"] == "late"]
    assert "1 s after the server was asked to stop" in late["message"]


def test_a_stuck_worker_does_not_outlive_its_master(start: Start, tmp_path: Path) -> None:
    server = start("--workers", "2", config=BRIEF)
    found = pids(server, 2)
    file = tmp_path / "never"
    with server.connect() as connection:
        target = f"GET /api/probe/wait?file={file} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(target.encode())
        wait_for(Path(f"{file}.begun"))
        server.process.kill()
        for pid in found:
            wait_until_gone(pid)


def test_a_log_that_nobody_reads_does_not_keep_it_alive(
    start: Start, tmp_path: Path, plugins: Path
) -> None:
    (tmp_path / "pegboard.toml").write_text(BRIEF)
    command = [*COMMAND, "server", "--port", "0", "--store", "probe:store"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(plugins, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        server = Server(process, port)
        for _ in range(1_000):
            assert server("GET", "/api/probe/quick").status == 200
        file = tmp_path / "never"
        with server.connect() as connection:
            target = f"GET /api/probe/wait?file={file} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(target.encode())
            wait_for(Path(f"{file}.begun"))
            process.terminate()
            assert process.wait(SECONDS) == 0


def wait_until_refused(server: Server) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        assert time.monotonic() < deadline
        try:
            server.connect().close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)


# -- several workers -----------------------------------------------------------------------------


def pids(server: Server, count: int) -> set[int]:
    """Return the processes that answer, as soon as there are so many."""
    found: set[int] = set()
    deadline = time.monotonic() + SECONDS
    while len(found) < count:
        assert time.monotonic() < deadline, found
        threads = [
            threading.Thread(
                target=lambda: found.add(server("POST", "/api/probe/thread", {}).json["pid"])
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def test_workers_share_one_address(start: Start) -> None:
    server = start("--workers", "2")
    found = pids(server, 2)
    assert len(found) == 2
    assert server.process.pid not in found


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    server = start("--workers", "2")
    killed = pids(server, 2).pop()
    os.kill(killed, signal.SIGKILL)
    wait_until_gone(killed)
    assert killed not in pids(server, 2)
    assert server.stop() == 0


def test_workers_do_not_outlive_their_master(start: Start) -> None:
    server = start("--workers", "2")
    found = pids(server, 2)
    server.process.kill()
    for pid in found:
        wait_until_gone(pid)


def test_metrics_of_all_workers_are_summed_and_survive_their_death(start: Start) -> None:
    server = start("--workers", "2")
    for _ in range(20):
        server("GET", "/api/probe/quick")
    # A worker counts a request after it has answered it.
    deadline = time.monotonic() + SECONDS
    while counted(server) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(pids(server, 2).pop(), signal.SIGKILL)
    pids(server, 2)
    assert counted(server) == 20


def counted(server: Server) -> float:
    sample = 'requests_total{method="GET",path="/api/probe/quick",status="200"} '
    text = server("GET", "/metrics").body.decode()
    return float(text.partition(sample)[2].partition("\n")[0])


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        assert time.monotonic() < deadline
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists():
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                return
        time.sleep(0.05)
