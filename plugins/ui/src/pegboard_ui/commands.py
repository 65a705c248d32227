"""``pegboard ui``: serve a store on this machine and open the page."""

from __future__ import annotations

import signal
import subprocess
import sys
import webbrowser

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import ConfigError

_RUN = "from pegboard.cli import main; main()"


@click.command(epilog=output.examples("pegboard ui", "pegboard ui sqlite:runs.db --no-open"))
@click.argument("store", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option("--open/--no-open", "opens", default=True, help="Whether to open the browser.")
@click.pass_context
def ui(ctx: click.Context, store: str | None, port: int, opens: bool) -> None:
    """Serve a store to this machine only, and open the web interface.

    STORE is the store's URI; the configured one if it is not given. It stops on Ctrl-C.
    """
    host = open_host(ctx)
    if "server" not in host.commands():
        raise ConfigError(
            "No installed plugin serves HTTP.", hint="Install it: pip install pegboard-server"
        )
    uri = store or host.config.pegboard.tracking_uri
    if uri.startswith(("http://", "https://")):
        _show(uri, opens)
        return
    command = [sys.executable, "-c", _RUN, *_global_options(ctx)]
    command += ["server", "--store", uri, "--port", str(port), "--no-access-log"]
    # Without this the end of this process would leave the server alone, and running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if "http" in line:
                _show(line[line.index("http") :].strip(), opens)
            code = server.wait()
        except KeyboardInterrupt:
            code = _stopped(server)
        finally:
            server.terminate()
    ctx.exit(code)


def _stopped(server: subprocess.Popen[str]) -> int:
    """Return the code of a server that Ctrl-C reached too, or reaches now."""
    server.terminate()
    return server.wait()


def _global_options(ctx: click.Context) -> list[str]:
    config = ctx.find_root().params.get("config")
    return ["--config", config] if config else []


def _show(url: str, opens: bool) -> None:
    if opens and not _has_browser():
        opens = False
    if opens:
        webbrowser.open(url)
    click.echo(url)


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
