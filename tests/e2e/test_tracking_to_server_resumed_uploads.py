"""Files on their way to our server whose sender is killed: another process goes on with them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard import host
from pegboard_server_process import PegboardServer

MIB = 1 << 20
SIZE = 8 * MIB + 12_345
SECONDS = 120.0


class Narrow:
    """Hands connections on to a server; while it is ``open``, without end, else so many bytes."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.sent = 0
        """How many bytes clients have sent."""
        self.left = 0
        """How many more go through before it is opened."""
        self.open = threading.Event()
        self.open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def narrow(self, left: int) -> None:
        self.left = left
        self.open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for source, target, counted in ((server, client, False), (client, server, True)):
                    threading.Thread(
                        target=self._pass, args=(source, target, counted), daemon=True
                    ).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                if counted:
                    if not self.open.is_set():
                        self.left -= len(data)
                        if self.left < 0:
                            self.open.wait(SECONDS)
                            break
                    self.sent += len(data)
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.open.set()
        self._listener.close()


class Senders:
    """Processes that send a file to a run through a narrow way."""

    def __init__(self, server: PegboardServer, way: Narrow, place: Path) -> None:
        self.server = server
        self.way = way
        self.started: list[subprocess.Popen[str]] = []
        self.state = place / "state"
        self.file = place / "weights.bin"
        self.file.write_bytes(os.urandom(SIZE))
        self.client = pegboard.Client(server.url)
        self.run_id = self.client.create_run("0").info.run_id
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))},
            "XDG_STATE_HOME": str(self.state),
            "PEGBOARD_TRACKING_SENDER": "off",
            "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(2 * MIB),
            "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(MIB),
        }

    def start(self) -> subprocess.Popen[str]:
        code = (
            "import pegboard, sys\n"
            "pegboard.Client(sys.argv[1]).log_artifact(sys.argv[2], sys.argv[3], 'deep')\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, self.way.url, self.run_id, str(self.file)],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def killed(self, parts: int = 4) -> int:
        """Send until the server has so many parts, then kill; return how many it has."""
        self.way.narrow(parts * MIB + MIB // 2)
        process = self.start()
        deadline = time.monotonic() + SECONDS
        while len(self.parts()) < parts:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, self.parts()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)
        self.way.open.set()
        return len(self.parts())

    def finish(self) -> int:
        """Send the file; return how many bytes that took."""
        before = self.way.sent
        process = self.start()
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, errors
        return self.way.sent - before

    def parts(self) -> list[Path]:
        """Return the parts that the server has."""
        return [*self.server.place.glob("**/.pegboard-content/incoming/*/?????-*")]

    def notes(self) -> list[Path]:
        return [*self.state.glob("**/uploads/*")]

    def stored(self) -> bytes:
        with self.client.artifacts(self.run_id).read("deep/weights.bin") as stream:
            return stream.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PegboardServer]:
    made = PegboardServer(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture
def senders(server: PegboardServer, tmp_path: Path) -> Iterator[Senders]:
    host.use(None)
    way = Narrow(server.port)
    made = Senders(server, way, tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()
    way.close()
    host.current().close()
    host.use(None)


def test_a_process_goes_on_with_the_upload_of_one_that_was_killed(senders: Senders) -> None:
    arrived = senders.killed()
    assert arrived >= 4
    assert len(senders.notes()) == 1
    assert senders.finish() < SIZE - arrived * MIB + MIB // 4
    assert senders.stored() == senders.file.read_bytes()
    assert senders.notes() == senders.parts() == []


def test_several_processes_that_are_killed_finish_an_upload_together(senders: Senders) -> None:
    senders.killed(2)
    senders.killed(5)
    assert len(senders.notes()) == 1
    assert senders.finish() < SIZE - 5 * MIB + MIB // 4
    assert senders.stored() == senders.file.read_bytes()


def test_a_file_that_was_changed_is_sent_anew(senders: Senders) -> None:
    senders.killed()
    senders.file.write_bytes(os.urandom(SIZE))
    assert senders.finish() > SIZE
    assert senders.stored() == senders.file.read_bytes()
    assert senders.notes() == senders.parts() == []


def test_a_change_that_the_file_does_not_show_is_found_in_its_content(senders: Senders) -> None:
    arrived = senders.killed()
    before = senders.file.stat()
    with senders.file.open("r+b") as file:
        file.seek(MIB + 5)
        file.write(b"changed")
    os.utime(senders.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert senders.finish() < SIZE - (arrived - 1) * MIB + MIB // 4
    assert senders.stored() == senders.file.read_bytes()


def test_an_upload_that_the_server_forgot_begins_anew(senders: Senders) -> None:
    senders.killed()
    for part in senders.parts():
        part.unlink()
    for target in senders.server.place.glob("**/.pegboard-content/incoming/*/target"):
        target.unlink()
    assert senders.finish() > SIZE
    assert senders.stored() == senders.file.read_bytes()
    assert senders.notes() == []


def test_an_upload_that_is_under_way_is_left_to_its_process(senders: Senders) -> None:
    senders.way.narrow(3 * MIB)
    slow = senders.start()
    deadline = time.monotonic() + SECONDS
    while len(senders.parts()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    slow.send_signal(signal.SIGSTOP)
    senders.way.open.set()
    assert senders.finish() > SIZE
    assert senders.stored() == senders.file.read_bytes()
    assert len(senders.notes()) == 1
    slow.send_signal(signal.SIGCONT)
    _, errors = slow.communicate(timeout=SECONDS)
    assert slow.returncode == 0, errors
    assert senders.stored() == senders.file.read_bytes()
    assert senders.notes() == senders.parts() == []


def test_files_that_go_in_one_piece_are_not_noted(senders: Senders) -> None:
    senders.file.write_bytes(os.urandom(MIB))
    senders.finish()
    assert not senders.state.exists() or senders.notes() == []
