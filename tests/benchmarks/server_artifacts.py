"""A large file through the server, up and down."""

from __future__ import annotations

import json
import socket
import time

from processes import OURS, available, folder, start
from rows import Row
from server_systems import Server, serving

_MB = 1 << 20
_SIZE = 256
_REPEATS = 3
_PATH = "/api/2.0/mlflow-artifacts/artifacts"
_PIECE = bytes(range(256)) * (_MB // 256)


def measure(quick: bool) -> list[Row]:
    """Send and fetch; FastTrackML's server takes no files.

    The goal is 1,024 MB/s, or half of what the loopback does if that is less.
    """
    size = _SIZE // 8 if quick else _SIZE
    raw = _raw(size)
    goal = min(1024.0, raw / 2)
    figures = {system: _rates(system, size) for system in (OURS, "mlflow") if available(system)}
    up, down, up_memory, down_memory = figures.pop(OURS)
    rows = [
        *Row(f"server: {size} MB artifact up", "MB/s", up, goal, note=_beside(up, raw)).beside(
            {system: found[0] for system, found in figures.items()}
        ),
        *Row(
            f"server: {size} MB artifact down", "MB/s", down, goal, note=_beside(down, raw)
        ).beside({system: found[1] for system, found in figures.items()}),
    ]
    for what, ours, place in (("up", up_memory, 2), ("down", down_memory, 3)):
        row = Row(f"server: extra memory for {size} MB {what}", "MB", ours, 20, "less")
        rows += row.beside({system: found[place] for system, found in figures.items()})
    return rows


def _beside(rate: float, raw: float) -> str:
    return f"{rate / raw:.2f} of the raw loopback, {raw:,.0f} MB/s to a server that only discards"


def _rates(system: str, size: int) -> tuple[float, float, float, float]:
    """Return the MB/s up and down, and the MB of memory that each took beside."""
    with folder() as place, serving(system, place) as server:
        _send(server, "warm", 1)
        _fetch(server, "warm", 1)
        server.forget_peaks()
        before = server.peak()
        up = min(_send(server, f"file{i}", size) for i in range(_REPEATS))
        up_memory = server.peak() - before
        server.forget_peaks()
        before = server.peak()
        down = min(_fetch(server, f"file{i}", size) for i in range(_REPEATS))
        return size / up, size / down, up_memory, server.peak() - before


def _send(server: Server, name: str, size: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), 120) as connection:
        head = f"PUT {_PATH}/{name} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        head += f"Content-Type: application/octet-stream\r\nContent-Length: {size * _MB}\r\n\r\n"
        connection.sendall(head.encode())
        # Each piece differs, so that nothing can be told to be there already.
        for number in range(size):
            mark = f"{name}-{number}".encode()
            connection.sendall(mark)
            connection.sendall(memoryview(_PIECE)[len(mark) :])
        answer = connection.recv(65_536)
    if b" 200 " not in answer[:20]:
        raise RuntimeError(f"{server.system}: {answer!r}")
    return time.perf_counter() - begin


def _fetch(server: Server, name: str, size: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), 120) as connection:
        head = f"GET {_PATH}/{name} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        room = bytearray(_MB)
        count = 0
        while read := connection.recv_into(room):
            count += read
    if count < size * _MB:
        raise RuntimeError(f"{server.system} sent {count} bytes of {size} MB")
    return time.perf_counter() - begin


def _raw(size: int) -> float:
    """Return the MB/s of a bare connection to a server that throws everything away."""
    with folder() as place:
        process = start("discard", OURS, place, bytes=size * _MB)
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            return size / min(_discarded(port, size) for _ in range(_REPEATS))
        finally:
            process.terminate()
            process.communicate()


def _discarded(port: int, size: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        for _ in range(size):
            connection.sendall(_PIECE)
        connection.recv(4)
    return time.perf_counter() - begin
