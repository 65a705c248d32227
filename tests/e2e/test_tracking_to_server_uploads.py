"""Files on their way to our server over a connection that breaks: only a part is sent again."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard import host
from pegboard.errors import StoreError
from pegboard_server_process import PegboardServer

MIB = 1 << 20
SIZE = 8 * MIB + 12_345
PART = MIB


class Proxy:
    """Hands connections on to a server, and cuts them where it is told to."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.sent = 0
        """How many bytes clients have sent."""
        self.cuts: list[int] = []
        """After how many bytes connections are cut, in rising order."""
        self.on_cut: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        self._pass(client, server, True)

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counted and self._is_cut(len(data)):
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, size: int) -> bool:
        with self._lock:
            self.sent += size
            if not self.cuts or self.sent < self.cuts[0]:
                return False
            self.cuts.pop(0)
            self.on_cut()
            return True

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PegboardServer]:
    made = PegboardServer(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture
def proxy(server: PegboardServer) -> Iterator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "weights.bin"
    made.write_bytes(os.urandom(SIZE))
    return made


@pytest.fixture
def client(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pegboard.Client]:
    for name in os.environ:
        if name.startswith(("MLFLOW_", "PEGBOARD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(2 * PART))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(PART))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0.1")
    host.use(None)
    yield pegboard.Client(proxy.url)
    host.current().close()
    host.use(None)


def stored(client: pegboard.Client, run_id: str, name: str) -> bytes:
    with client.artifacts(run_id).read(name) as stream:
        return stream.read()


def test_an_upload_goes_on_where_its_connection_broke(client, proxy, file) -> None:
    run_id = client.create_run("0").info.run_id
    proxy.sent = 0
    proxy.cuts = [3 * MIB + MIB // 2, 6 * MIB]
    client.log_artifact(run_id, file, "deep/down")
    assert stored(client, run_id, "deep/down/weights.bin") == file.read_bytes()
    assert proxy.cuts == []
    # Of each break no more than the part under way is sent again.
    assert proxy.sent < SIZE + 2 * PART + MIB // 2


def test_an_upload_goes_on_when_the_server_was_killed_amid_it(client, proxy, file, server) -> None:
    def restart() -> None:
        server.kill()
        server.start()

    run_id = client.create_run("0").info.run_id
    proxy.sent = 0
    proxy.cuts, proxy.on_cut = [5 * MIB], restart
    client.log_artifact(run_id, file)
    assert stored(client, run_id, "weights.bin") == file.read_bytes()
    assert proxy.cuts == []
    assert proxy.sent < SIZE + PART + MIB // 2


def test_a_file_is_there_whole_or_not_at_all(client, proxy, file, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # Connections keep the options that they were opened with.
    host.current().close()
    host.use(None)
    impatient = pegboard.Client(proxy.url)
    run_id = impatient.create_run("0").info.run_id
    proxy.cuts = [proxy.sent + 4 * MIB]
    with pytest.raises(StoreError):
        impatient.log_artifact(run_id, file)
    assert impatient.list_artifacts(run_id) == []
    impatient.log_artifact(run_id, file)
    assert stored(impatient, run_id, "weights.bin") == file.read_bytes()


def test_a_small_file_is_sent_in_one_piece(client, proxy, tmp_path) -> None:
    small = tmp_path / "small.bin"
    small.write_bytes(os.urandom(PART))
    run_id = client.create_run("0").info.run_id
    proxy.sent = 0
    client.log_artifact(run_id, small)
    assert stored(client, run_id, "small.bin") == small.read_bytes()
    assert proxy.sent < PART + 10_000


def test_a_part_of_a_stream_is_sent_from_where_it_stands(client, file) -> None:
    run_id = client.create_run("0").info.run_id
    with file.open("rb") as content:
        content.seek(MIB + 7)
        client.log_stream(run_id, content, "big.bin")
    assert stored(client, run_id, "big.bin") == file.read_bytes()[MIB + 7 :]
    with file.open("rb") as content:
        content.seek(SIZE - 100)
        client.log_stream(run_id, content, "small.bin")
    assert stored(client, run_id, "small.bin") == file.read_bytes()[-100:]
