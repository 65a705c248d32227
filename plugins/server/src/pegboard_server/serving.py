"""One worker: the application behind uvicorn, from the first request to a graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn
from pegboard.errors import ConfigError

from pegboard_server.app import App
from pegboard_server.authentication import Authenticator
from pegboard_server.calls import beside
from pegboard_server.ending import Ending, seconds_for_requests
from pegboard_server.guard import is_loopback
from pegboard_server.lane import Lane
from pegboard_server.protocol import PAST_LIMIT, Protocol
from pegboard_server.settings import Settings
from pegboard_server.shares import Shares

_BACKLOG = 2048
_ACCEPTORS = 8
_OTHER_FILES = 200
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; ConfigError if that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen at {host}:{port}: {error.strerror or error}.",
            hint="Choose another --host or --port; --port 0 takes a free one.",
        ) from error
    return listener


def acceptors(listener: socket.socket) -> list[socket.socket]:
    """Return a socket that listens as often as connections are to be accepted at one time.

    The event loop accepts one of each socket between two rounds of answering all requests that
    came. If many clients came at once to a busy server, the last would wait for very long. Workers
    that share a socket would take each other's connections, so they keep to one.
    """
    return [listener, *(listener.dup() for _ in range(_ACCEPTORS - 1))]


def address_of(listener: socket.socket, settings: Settings) -> str:
    """Return the URL under which a listening socket is reached."""
    name, port = listener.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{shown}:{port}{settings.root_path}"


def check(settings: Settings) -> None:
    """Refuse what would be open to everybody, or cannot work; ConfigError says what to do."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("TLS needs both --tls-cert and --tls-key.")
    for file in filter(None, (settings.tls_cert, settings.tls_key)):
        if not Path(file).is_file():
            raise ConfigError(f"The TLS file {file} does not exist.")
    if settings.root_path and not (
        settings.root_path.startswith("/") and not settings.root_path.endswith("/")
    ):
        raise ConfigError(f"The root path {settings.root_path!r} should look like /a/b.")
    authenticator = Authenticator(settings)
    authenticator.close()
    if authenticator.is_open and not is_loopback(settings.host) and not settings.insecure:
        raise ConfigError(
            f"Everybody who reaches {settings.host} could read and change everything.",
            hint="Add a user with 'pegboard server user add NAME' and name the file with --users "
            "or in [server] users_file, or say --insecure if the network keeps others out.",
        )


def _allow_files(connections: int) -> None:
    """Let this process have as many open files as it may have connections, if the system agrees."""
    if sys.platform == "win32":  # pragma: no cover
        return
    import resource

    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Server(uvicorn.Server):
    """uvicorn, with a clean end and with eyes on slow clients."""

    def __init__(
        self, app: App, settings: Settings, ready: Callable[[], None] | None = None
    ) -> None:
        """Prepare to serve; ``ready`` is called when requests are answered."""
        self._app = app
        self._ready = ready
        self.ending = Ending(settings.stop_timeout_seconds, self.tell_late)
        _allow_files(PAST_LIMIT * settings.max_connections)
        shares = Shares(settings.max_connections_per_address, settings.trusted_proxies)
        # What a proxy says about a client is read on the usual way only.
        lane = None if settings.trusted_proxies else Lane(app, settings.root_path.encode())
        given = {"settings": settings, "metrics": app.metrics, "shares": shares, "lane": lane}
        tell = staticmethod(lambda raw: app.router.tell(app.path_of(raw)))
        protocol = type("_Protocol", (Protocol,), {**given, "tell": tell})
        # What uvicorn warns of is counted or answered by the protocol.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                backlog=_BACKLOG,
                timeout_keep_alive=int(settings.keep_alive_seconds),
                # Declared as whole seconds; it is only waited for.
                timeout_graceful_shutdown=seconds_for_requests(  # type: ignore[arg-type]
                    settings.stop_timeout_seconds
                ),
                callback_notify=self._look,
                timeout_notify=1,
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        asyncio.get_running_loop().set_default_executor(beside())
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for the requests in flight; those without an end are ended."""
        self._app.stopping.set()
        await super().shutdown(sockets)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        connections = self.server_state.connections
        self._app.metrics.connections(len(connections))
        self._app.readings.look()
        for connection in list(connections):
            if not isinstance(connection, Protocol):
                continue
            try:
                connection.look(now)
            except Exception as error:
                # A fault with one client is no reason to leave the others.
                self._app.log.write("error", error=repr(error))
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal for the wish to stop; having stopped is then a success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: FrameType | None) -> None:
        # Who asks twice with Ctrl-C does not want to wait.
        self.force_exit = self.should_exit and number == signal.SIGINT
        self.stop()

    def stop(self) -> None:
        """Stop as soon as the requests in flight are answered, and in time in any case."""
        self.ending.begin()
        self.should_exit = True

    def tell_late(self) -> None:
        """Say that calls still run, and are left."""
        seconds = self._app.settings.stop_timeout_seconds
        text = f"Calls still ran {seconds:g} s after the server was asked to stop; it left them."
        self._app.log.last("late", message=text)
