"""``pegboard exec``: run a command whose MLflow calls go to the store."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from types import FrameType

import click
from attrs import define, field
from pegboard.cli import output
from pegboard.cli.opening import open_host

from pegboard_server import loopback, stores

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2")
_LOOK_SECONDS = 0.5
"""A signal that comes just before a wait begins does not wake it: Python runs its handler after."""
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128


@click.command(
    "exec",
    epilog=output.examples("pegboard exec -- python train.py"),
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["-h", "--help"],
    },
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def execute(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Run a command, unchanged, with MLflow's tracking URI set to the configured store.

    A server of its own answers the command's calls while it runs; other users of the machine
    cannot use it. The exit code is the command's.
    """
    host = open_host(ctx, creates_stores=True)
    uri = host.config.pegboard.tracking_uri
    if stores.is_remote(uri):
        environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri}
        ctx.exit(_run(command, {**os.environ, **environment}))
    with loopback.serving(host, uri) as server:
        code = _run(command, server.environment(os.environ))
        server.exit_with(code)
    ctx.exit(code)


def _run(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run the command, pass signals on to it, and return its exit code as a shell has it."""
    # Before the command begins: a signal that came between would leave it alone, and running.
    with _passing_on() as passing:
        try:
            process = subprocess.Popen(command, env=environment)
        except FileNotFoundError:
            click.echo(f"error: there is no command {command[0]!r}.", err=True)
            return _NOT_FOUND
        except OSError as error:
            click.echo(f"error: {command[0]!r} cannot be run: {error.strerror}.", err=True)
            return _NOT_EXECUTABLE
        passing.to(process)
        code = _wait(process)
    return _BY_SIGNAL - code if code < 0 else code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end, and look up meanwhile: see ``_LOOK_SECONDS``."""
    waiting = threading.Thread(target=process.wait, daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(_LOOK_SECONDS)
    return process.wait()


@define
class _Passing:
    """Hands signals to the command, those too that came before there was one."""

    _early: list[int] = field(factory=list)
    _process: subprocess.Popen[bytes] | None = None

    def to(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._early:
            process.send_signal(number)

    def handle(self, number: int, _: FrameType | None) -> None:
        # What is typed at a terminal reaches the command anyway.
        if number == signal.SIGINT and sys.stdin.isatty():
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)


@contextlib.contextmanager
def _passing_on() -> Iterator[_Passing]:
    passing = _Passing()
    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    before = {number: signal.signal(number, passing.handle) for number in numbers}
    try:
        yield passing
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
