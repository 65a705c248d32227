"""``pegboard exec``: run a command whose MLflow calls go to the store."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from types import FrameType

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host

from pegboard_server import loopback, stores

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2")
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
    try:
        process = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        click.echo(f"error: there is no command {command[0]!r}.", err=True)
        return _NOT_FOUND
    except OSError as error:
        click.echo(f"error: {command[0]!r} cannot be run: {error.strerror}.", err=True)
        return _NOT_EXECUTABLE
    with _passing_on(process):
        code = process.wait()
    return _BY_SIGNAL - code if code < 0 else code


@contextlib.contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, _: FrameType | None) -> None:
        # What is typed at a terminal reaches the command anyway.
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
