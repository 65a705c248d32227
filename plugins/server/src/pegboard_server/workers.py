"""The processes of a server: this one alone, or several that share a socket."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
import orjson
from attrs import field, frozen
from pegboard.errors import ConfigError, StoreError

from pegboard_server import serving
from pegboard_server.app import App
from pegboard_server.metrics import Board
from pegboard_server.settings import Settings

if TYPE_CHECKING:
    from pegboard.host import Host

_QUICK_DEATH_SECONDS = 5.0
_MOST_QUICK_DEATHS = 5
_LOOK_SECONDS = 0.2
_LATE_SECONDS = 2.0
"""How long after its time a worker is killed: it leaves by itself if it can do anything at all."""


@frozen
class Recipe:
    """How each worker makes its application.

    ``function`` is named as ``module:name``; it gets the host, the settings, the board, and the
    arguments, which are plain values so that they can be handed to a process.
    """

    function: str = "pegboard_server.workers:store_app"
    arguments: Mapping[str, Any] = field(factory=dict)

    def make(self, host: Host, settings: Settings, board: Board) -> App:
        """Return the application; errors are those of a wrong set-up."""
        collects = gc.isenabled()
        # Nearly all that is imported and made here stays: to look for garbage in it again and
        # again takes a tenth of the time.
        gc.disable()
        try:
            found: App = resolve_name(self.function)(host, settings, board, **self.arguments)
        finally:
            if collects:
                gc.enable()
        return found


def run_here(
    host: Host, settings: Settings, listener: socket.socket, recipe: Recipe | None = None
) -> None:
    """Serve in this process until a signal says to stop."""
    app = (recipe or Recipe()).make(host, settings, Board())
    gc.freeze()
    server = serving.Server(app, settings, lambda: announce(listener, settings))
    server.run(serving.acceptors(listener))


def announce(listener: socket.socket, settings: Settings) -> None:
    """Say where the server is reached: always the first line on stdout."""
    click.echo(f"Listening on {serving.address_of(listener, settings)}")
    sys.stdout.flush()


def store_app(host: Host, settings: Settings, board: Board) -> App:
    """Return the application that serves a store."""
    host.tracking_store(settings.tracking_uri)
    return App(host, settings, board)


def run(
    host: Host,
    settings: Settings,
    listener: socket.socket,
    count: int,
    recipe: Recipe | None = None,
) -> None:
    """Serve in several processes, and replace those that die, until a signal says to stop."""
    if os.name == "nt":  # pragma: no cover
        raise ConfigError("Several workers need a system that can share a socket; use --workers 1.")
    # What is wrong with the set-up or the store shows here, and its tables are brought up to date.
    recipe = recipe or Recipe()
    recipe.make(host, settings, Board(workers=count)).close()
    with tempfile.TemporaryDirectory(prefix="pegboard-server-") as folder:
        board = Path(folder) / "metrics"
        board.touch(mode=0o600)
        _Master(settings, listener, count, str(board), recipe).run()


class _Worker:
    """A process, and the pipe that ends it should the master die."""

    def __init__(
        self, settings: Settings, listener: socket.socket, board: Board, recipe: Recipe
    ) -> None:
        self.started = time.monotonic()
        self.is_ready = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pegboard_server.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
        told = {
            "settings": settings.to_json(),
            "socket": listener.fileno(),
            "board": [board.file, board.worker, board.workers],
            "recipe": [recipe.function, recipe.arguments],
        }
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(orjson.dumps(told) + b"\n")
        self.process.stdin.flush()
        os.set_blocking(self.process.stdout.fileno(), False)

    def look(self) -> None:
        """Find out whether it is ready."""
        if not self.is_ready and self.process.stdout is not None:
            self.is_ready = bool(self.process.stdout.read())


class _Master:
    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        count: int,
        board: str,
        recipe: Recipe,
    ) -> None:
        self._settings = settings
        self._recipe = recipe
        self._listener = listener
        self._boards = [Board(board, number, count) for number in range(count)]
        self._stopping = False

    def run(self) -> None:
        """Start all and keep them alive."""
        with self._signals():
            workers = [self._start(board) for board in self._boards]
            announced, quick_deaths = False, 0
            try:
                while not self._stopping:
                    time.sleep(_LOOK_SECONDS)
                    for number, worker in enumerate(workers):
                        worker.look()
                        if worker.process.poll() is None or self._stopping:
                            continue
                        lived = time.monotonic() - worker.started
                        quick_deaths = quick_deaths + 1 if lived < _QUICK_DEATH_SECONDS else 0
                        if quick_deaths > _MOST_QUICK_DEATHS or not announced:
                            raise StoreError("The workers end as soon as they start; see above.")
                        workers[number] = self._start(self._boards[number])
                    if not announced and all(worker.is_ready for worker in workers):
                        announce(self._listener, self._settings)
                        announced = True
            finally:
                self._end(workers)

    def _start(self, board: Board) -> _Worker:
        return _Worker(self._settings, self._listener, board, self._recipe)

    def _end(self, workers: list[_Worker]) -> None:
        # While a process holds the socket, clients would queue at it in vain.
        self._listener.close()
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.stop_timeout_seconds + _LATE_SECONDS
        for worker in workers:
            try:
                worker.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_: int, __: FrameType | None) -> None:
            self._stopping = True

        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _work() -> None:
    """Be a worker: what to do comes on stdin, whose end means that the master is gone."""
    import threading

    from pegboard import config, host

    told = orjson.loads(_line(sys.stdin.fileno()))
    settings = Settings.from_json(told["settings"])
    environ = dict(os.environ)
    if settings.config_file:
        environ["PEGBOARD_CONFIG"] = settings.config_file
    ours = host.Host(config.load(environ))
    host.use(ours)
    app = Recipe(*told["recipe"]).make(ours, settings, Board(*told["board"]))
    server = serving.Server(app, settings, lambda: print("ready", flush=True))

    def watch() -> None:
        # Read without Python's buffer, whose lock a thread must not hold when the process ends.
        os.read(sys.stdin.fileno(), 1)
        server.stop()

    threading.Thread(target=watch, name="master", daemon=True).start()
    server.run([socket.socket(fileno=told["socket"])])


def _line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(descriptor, 1 << 16)):
        line += piece
    return line


if __name__ == "__main__":
    _work()
