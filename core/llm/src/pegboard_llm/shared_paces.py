"""Paces that processes of this machine share: a small file for each upstream, locked for a moment.

A process that is killed leaves no lock behind. Where there can be no such file, a process has a
pace of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from pegboard_llm.pacing import Book, Pace, State

_FORM = struct.Struct("<8s6dq10q")
_MARK = b"pace\x00\x00\x00\x01"
_FORGOTTEN_S = 60.0
"""After so long without a call nothing is known of an upstream any more."""


def pace(directory: str, address: str, model: str) -> Pace:
    """Return the pace of a model at an address (``HOST:PORT``), shared by files in a directory.

    Without one, they are in the user's cache; but for addresses of this machine, whose ports other
    servers get later.
    """
    if not directory and _is_local(address):
        return Pace()
    name = hashlib.sha256(f"{address}\x00{model}".encode()).hexdigest()[:32]
    try:
        return Pace(book=kept((Path(directory) if directory else _cache()) / name))
    except (ImportError, OSError, RuntimeError):
        return Pace()


def kept(file: Path) -> Book:
    """Keep a state in a file; OSError, or ImportError where files cannot be locked."""
    import fcntl

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    lock = threading.Lock()

    @contextmanager
    def opened() -> Iterator[State]:
        # Threads of this process share the descriptor, and so its lock of the file.
        with lock:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                state = _read(os.pread(descriptor, _FORM.size, 0))
                yield state
                with contextlib.suppress(OSError):  # A full disk: the pace is the process's own.
                    os.pwrite(descriptor, _written(state), 0)
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    return opened


def _read(content: bytes) -> State:
    """Return what a file says, unless that is of another time: before a restart, or long ago."""
    if len(content) != _FORM.size:
        return State()
    mark, touched, next_, held, slowed, rate, too_much, part, *counts = _FORM.unpack(content)
    now = time.monotonic()
    if mark != _MARK or touched > now or now - max(touched, held) > _FORGOTTEN_S:
        return State()
    known = None if math.isnan(rate) else rate
    return State(next_, held, slowed, known, too_much, part, counts)


def _written(state: State) -> bytes:
    rate = math.nan if state.rate is None else state.rate
    numbers = (state.next, state.held, state.slowed, rate, state.too_much)
    return _FORM.pack(_MARK, time.monotonic(), *numbers, state.part, *state.counts)


def _is_local(address: str) -> bool:
    host = address.rpartition("@")[2].rpartition(":")[0] or address
    with contextlib.suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pegboard" / "paces"
