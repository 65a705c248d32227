"""Our end of the process that is connected to Ray: one for each cluster, shared by all runs."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any

from pegboard.errors import ConfigError, StoreError

from pegboard_ray.bridging import LOST, REFUSED
from pegboard_ray.loopback import listens

_CONNECT_SECONDS, _ANSWER_SECONDS, _END_SECONDS = 180.0, 120.0, 30.0
_NODES_SECONDS = 2.0
_SHOWN_BYTES = 2_000


class Bridge:
    """A connection to a cluster. May be used by threads."""

    def __init__(self, address: str) -> None:
        """Connect; ConfigError says why that cannot be."""
        _check_there(address)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: dict[int, SimpleQueue[tuple[str, Any]]] = {}
        self._lost = ""
        self._nodes: tuple[float, Sequence[Mapping[str, Any]]] = (float("-inf"), ())
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        ours, theirs = Pipe()
        self._pipe = ours
        words = [sys.executable, "-m", "pegboard_ray.bridging", str(theirs.fileno()), address]
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=[theirs.fileno()],
            # The terminal's Ctrl-C is ours.
            start_new_session=True,
        )
        theirs.close()
        kind: str
        facts: Any
        try:
            answers = ours.poll(_CONNECT_SECONDS)
            kind, facts = ours.recv() if answers else (REFUSED, "It gave no answer.")
        except (EOFError, OSError):
            kind, facts = REFUSED, self._last_words()
        if kind == REFUSED:
            self._process.kill()
            self._process.wait()
            raise _unusable(address, facts)
        self.address: str = facts["address"]
        self.started: bool = facts["started"]
        self._here: str = facts["here"]
        threading.Thread(target=self._read, name="pegboard-ray", daemon=True).start()

    @property
    def is_lost(self) -> bool:
        """Whether it is of no use any more."""
        return bool(self._lost)

    def ask(self, name: str, *given: Any, **keywords: Any) -> Any:
        """Return what the supervisor answers; StoreError if there is no answer."""
        answer: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        with self._lock:
            if self._lost:
                raise StoreError(self._lost)
            number = next(self._numbers)
            self._waiting[number] = answer
            try:
                self._pipe.send((number, name, given, keywords))
            except OSError as error:
                raise StoreError(f"The connection to Ray is lost: {error.strerror}.") from error
        kind, value = answer.get()
        if kind == LOST:
            raise StoreError(f"The Ray cluster gave no answer: {value}")
        return value

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """Return what Ray knows of its nodes; not older than some seconds."""
        at, found = self._nodes
        if time.monotonic() - at > _NODES_SECONDS:
            found = self.ask("nodes")
            self._nodes = (time.monotonic(), found)
        return found

    def is_one_machine(self) -> bool:
        """Whether all nodes are of this machine."""
        return {n["NodeManagerAddress"] for n in self.nodes() if n["Alive"]} == {self._here}

    def close(self) -> None:
        """End the connection, and the cluster if it was started for that."""
        with self._lock, contextlib.suppress(OSError):
            self._pipe.send(None)
        if self.started:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _read(self) -> None:
        try:
            while True:
                number, kind, value = self._pipe.recv()
                with self._lock:
                    answer = self._waiting.pop(number)
                answer.put((kind, value))
        except (EOFError, OSError):
            self._pipe.close()
        with self._lock:
            self._lost = f"The Ray cluster {self.address} is lost: {self._last_words()}"
            for answer in self._waiting.values():
                answer.put((LOST, self._lost))
            self._waiting.clear()

    def _last_words(self) -> str:
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()
        return said[-_SHOWN_BYTES:] or "the process that was connected to it has ended."


def _check_there(address: str) -> None:
    """Refuse an address where nobody listens: Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and "/" not in host):
        return
    if not listens(host, int(port)):
        raise _unusable(address, "nobody listens there.")


def _unusable(address: str, why: str) -> ConfigError:
    where = f"The Ray cluster {address!r}" if address else "Ray"
    return ConfigError(
        f"{where} cannot be used: {why}",
        hint="Name one that runs, as HOST:PORT, by the setting address; nodes need the same Ray "
        "and Python as here, with pegboard-ray.",
    )


_bridges: dict[str, Bridge] = {}
_making = threading.Lock()


def opened(address: str) -> Bridge:
    """Return the connection to a cluster, made at the first time; ConfigError if that fails."""
    with _making:
        found = _bridges.get(address)
        if found is None or found.is_lost:
            found = _bridges[address] = Bridge(address)
        return found


@atexit.register
def _close_all() -> None:
    for each in _bridges.values():
        each.close()
