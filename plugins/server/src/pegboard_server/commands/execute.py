"""``pegboard exec``: run a command whose MLflow calls go to the store."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host

from pegboard_server import stores
from pegboard_server.names import NAME

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_server.ending import Ending

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2")
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128
_LOOPBACK = "127.0.0.1"
# With these, MLflow would send something else than our token.
_OTHER_CREDENTIALS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")


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
    with _serving(host, uri) as (address, token, ending):
        code = ending.code = _run(command, _environment(address, token))
    ctx.exit(code)


@contextlib.contextmanager
def _serving(host: Host, uri: str) -> Iterator[tuple[str, str, Ending]]:
    """Serve in a thread; yield the URL, the token and what ends the process in any case."""
    from pegboard_server import serving
    from pegboard_server.app import App
    from pegboard_server.settings import Settings

    settings = Settings(
        tracking_uri=uri,
        token=secrets.token_urlsafe(32),
        access_log=False,
        stop_timeout_seconds=host.settings(NAME).stop_timeout_seconds,
    )
    assert settings.token is not None
    listener = serving.listen(_LOOPBACK, 0)
    address = serving.address_of(listener, settings)
    host.tracking_store(uri)
    server = serving.Server(App(host, settings), settings)
    thread = threading.Thread(target=server.run, args=([listener],), name="server")
    # The socket listens already: calls that come before the thread is ready wait in its queue.
    thread.start()
    try:
        yield address, settings.token, server.ending
    finally:
        server.stop()
        thread.join()


def _environment(address: str, token: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _OTHER_CREDENTIALS}
    past_proxies = {
        name: ",".join(filter(None, [kept.get(name), _LOOPBACK]))
        for name in ("no_proxy", "NO_PROXY")
    }
    return {
        **kept,
        **past_proxies,
        "MLFLOW_TRACKING_URI": address,
        "MLFLOW_REGISTRY_URI": address,
        "MLFLOW_TRACKING_TOKEN": token,
        # A name and password in MLflow's credentials file would take precedence over the token.
        "MLFLOW_TRACKING_USERNAME": "token",
        "MLFLOW_TRACKING_PASSWORD": token,
    }


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
