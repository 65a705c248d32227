"""A server for the processes that this one starts: on loopback, behind a token of its own.

It answers while a ``with`` block lasts. The server itself is made when the first connection comes:
a process that needs none does not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from pegboard_server.names import NAME

if TYPE_CHECKING:
    import socket

    from pegboard.host import Host

    from pegboard_server.serving import Server

ADDRESS = "127.0.0.1"
_BACKLOG = 2048
_TOKEN_BYTES = 32
# With these, MLflow would send something else than our token.
_OTHER_CREDENTIALS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")


@frozen
class Loopback:
    """Where the server is, and the token that lets its clients in."""

    address: str
    token: str = field(repr=False)
    _serving: _Serving = field(repr=False)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return variables of a process, changed so that MLflow's calls in it come here."""
        kept = {key: value for key, value in variables.items() if key not in _OTHER_CREDENTIALS}
        past_proxies = {
            name: ",".join(filter(None, [kept.get(name), ADDRESS]))
            for name in ("no_proxy", "NO_PROXY")
        }
        return {
            **kept,
            **past_proxies,
            "MLFLOW_TRACKING_URI": self.address,
            "MLFLOW_REGISTRY_URI": self.address,
            "MLFLOW_TRACKING_TOKEN": self.token,
            # A name and password in MLflow's credentials file would take precedence over it.
            "MLFLOW_TRACKING_USERNAME": "token",
            "MLFLOW_TRACKING_PASSWORD": self.token,
        }

    def exit_with(self, code: int) -> None:
        """Let this process exit with a code after the block, even if calls that are stuck keep it.

        Without this, the process goes on after the block.
        """
        self._serving.code = code


@contextlib.contextmanager
def serving(host: Host, uri: str) -> Iterator[Loopback]:
    """Serve a store in a thread while the block lasts.

    What keeps the server from being made is raised at the end of the block; its clients find nobody
    there.
    """
    import socket

    # As ``secrets`` makes it, whose import takes longer than all the rest here.
    token = os.urandom(_TOKEN_BYTES).hex()
    # Not by ``serving``, which takes longer to import than many a process lives.
    listener = socket.create_server((ADDRESS, 0), backlog=_BACKLOG)
    address = f"http://{ADDRESS}:{listener.getsockname()[1]}"
    host.tracking_store(uri)
    # The socket listens already: calls that come before the server is there wait in its queue.
    thread = _Serving(host, uri, token, listener)
    thread.start()
    try:
        yield Loopback(address, token, thread)
    finally:
        thread.stop()
    if thread.error is not None:
        raise thread.error


class _Serving(threading.Thread):
    """The thread that waits for a connection, and serves from then on."""

    def __init__(self, host: Host, uri: str, token: str, listener: socket.socket) -> None:
        # It may be stuck, and is to keep no process from its end then.
        super().__init__(name="server", daemon=True)
        self._host, self._uri, self._token, self._listener = host, uri, token, listener
        self._patience = 0.0
        self._ends, self._end = os.pipe()
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self.code: int | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Serve, if anybody calls."""
        if not self._is_called():
            self._listener.close()
            return
        try:
            server = self._make()
        except Exception as error:
            # It belongs to the thread that began to serve.
            self.error = error
            self._listener.close()
            return
        with self._lock:
            self._server = server
            stopped = self._stopped
        if stopped:
            self._listener.close()
        else:
            server.run([self._listener])

    def _is_called(self) -> bool:
        """Wait for a connection, or for the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ends, selectors.EVENT_READ)
            return any(key.fileobj is self._listener for key, _ in selector.select())

    def _make(self) -> Server:
        from pegboard_server.app import App
        from pegboard_server.serving import Server
        from pegboard_server.settings import Settings

        self._patience = self._host.settings(NAME).stop_timeout_seconds
        settings = Settings(
            tracking_uri=self._uri,
            token=self._token,
            access_log=False,
            stop_timeout_seconds=self._patience,
        )
        return Server(App(self._host, settings), settings)

    def stop(self) -> None:
        """Stop serving, after the requests in flight; return when it is done.

        A process that goes on leaves calls that are stuck when the time to stop is over.
        """
        with self._lock:
            self._stopped = True
            server = self._server
            if server is not None and self.code is None:
                server.ending.cease()
                server.should_exit = True
            elif server is not None:
                server.ending.code = self.code or 0
                server.stop()
        os.write(self._end, b"e")
        goes_on = server is not None and self.code is None
        self.join(self._patience if goes_on else None)
        if server is not None and self.is_alive():
            server.tell_late()
            return
        os.close(self._ends)
        os.close(self._end)
