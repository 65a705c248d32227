"""Requests to one server: what comes back, or an error for people."""

from __future__ import annotations

import base64
import json
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pegboard
from attrs import evolve
from pegboard.errors import PegboardError, StoreError

from pegboard_wire.client import abilities, errors, sessions
from pegboard_wire.client.options import (
    Options,
    Server,
    options_for,
    options_for_stranger,
    server_of,
    without_user,
)

if TYPE_CHECKING:
    import requests
    from pegboard.config import HttpConfig

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"

_ONCE = (
    "/assessments",
    "/experiments/create",
    "/experiments/delete",
    "/experiments/delete-experiment-tag",
    "/experiments/restore",
    "/logged-models",
    "/model-versions/create",
    "/model-versions/delete",
    "/registered-models/create",
    "/registered-models/delete",
    "/registered-models/rename",
    "/registry/rollback",
    "/runs/create",
    "/runs/delete-tag",
    "/traces/delete-traces",
    "/webhooks",
)
"""What does something else, or fails, when it is done twice."""

_MOVED = (301, 302, 307, 308)
_MOST_MOVES = 5
_MOST_CONNECTIONS = 64


class Connection:
    """Sends requests to a server. May be used from any thread, and in forked children."""

    def __init__(self, server: Server, options: Options) -> None:
        """Open nothing yet."""
        self.server = server
        self.options = options
        self._reset()
        me = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _reset_in_child(me))

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[bool, requests.Session] = {}
        self._abilities: abilities.Abilities | None = None
        self._waited = False

    def call(
        self,
        method: str,
        name: str,
        fields: Mapping[str, Any],
        *,
        patient: bool = True,
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> dict[str, Any]:
        """Call a method of the API and return its answer, a JSON object.

        ``fields`` without None are the query of a GET, else the body. ``patient``: whether to try
        again. ``query`` is the filter that a complaint would be about. Raises Unreachable,
        AccessDenied or ServerFault, or what the server's error stands for.
        """
        given = {key: value for key, value in fields.items() if value is not None}
        path = API + name if not name.startswith("/") else name
        if method == "GET":
            response = self.send("GET", path, params=given, headers=headers, patient=patient)
        else:
            body = json.dumps(given, allow_nan=False).encode()
            kind = {"Content-Type": "application/json", **(headers or {})}
            response = self.send(method, path, data=body, headers=kind, patient=patient)
        if response.status_code != 200:
            raise self.error_of(response, query=query)
        answer = errors.error_body(response)
        if not answer and response.content.strip() not in (b"", b"{}"):
            raise errors.ServerFault(
                f"The server {self.server.url} answered {path} with something that is not JSON.",
                hint="Check the tracking URI: is this a tracking server?",
            )
        return answer

    def error_of(self, response: requests.Response, *, query: str = "") -> PegboardError:
        """Return the error that stands for an answer which is not a success.

        ``query`` is the filter that the server may complain about.
        """
        if response.status_code in (401, 403) and self.options.withheld:
            return errors.withheld(response.status_code, self.server.url)
        return errors.error_of(response, self.server.url, query=query)

    def abilities(self, *, patient: bool = False) -> abilities.Abilities:
        """Return what the server can do beyond MLflow's protocol, which is asked only once.

        Unreachable if that cannot be known now. ``patient``: whether to try again.
        """
        if self._abilities is None:
            self._abilities = abilities.ask(self, patient=patient)
        return self._abilities

    def forget_abilities(self) -> None:
        """Ask anew what the server can do: it is not the one that it was."""
        self._abilities = None

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request to a path below the server's own and return the answer, of any status.

        A redirect to another path of the same host is followed. Other hosts are followed only to
        read a stream, never with credentials.
        """
        import requests

        url = self.server.url + path
        try:
            for _ in range(_MOST_MOVES):
                response = self._session(patient).request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers=headers,
                    stream=stream,
                    allow_redirects=False,
                )
                self._waited = self._waited and response.status_code in sessions.RETRIED
                moved = response.headers.get("Location")
                if response.status_code not in _MOVED or not moved:
                    return response
                response.close()
                url, params = urljoin(url, moved), None
                if not self.server.is_host_of(url):
                    return self._elsewhere(method, url, headers, stream)
        except requests.exceptions.RequestException as error:
            # The message repeats all that the error's own trace says.
            raise errors.unreachable(error, self.server.url) from None
        raise errors.ServerFault(f"The server {self.server.url} moves us around in circles.")

    def _elsewhere(
        self, method: str, url: str, headers: Mapping[str, str] | None, stream: bool
    ) -> requests.Response:
        if method != "GET" or not stream or urlsplit(url).scheme not in ("http", "https"):
            raise StoreError(
                f"The server {self.server.url} sends us to another host: {without_user(url)}",
                hint="If you trust it, make it the tracking URI. Credentials were not sent there.",
            )
        options = self.options
        bare = sessions.session(
            timeout=options.timeout, retries=options.retries, backoff=options.backoff
        )
        bare.trust_env = False
        response = bare.get(url, headers=headers, stream=True)
        if response.status_code in (401, 403):
            response.close()
            raise errors.withheld(response.status_code, without_user(url))
        return response

    def _session(self, patient: bool) -> requests.Session:
        with self._lock:
            if patient not in self._sessions:
                self._sessions[patient] = self._open(patient)
            return self._sessions[patient]

    def _open(self, patient: bool) -> requests.Session:
        options = self.options
        made = sessions.session(
            timeout=options.timeout,
            retries=options.retries if patient else 0,
            backoff=options.backoff,
            headers={"User-Agent": f"pegboard/{pegboard.__version__}", **options.headers},
            verify=options.verify,
            repeatable=_is_repeatable,
            passing=errors.is_passing,
            waiting=self._say_that_we_wait,
        )
        made.cert = options.client_certificate
        # Set even without credentials: else those of ~/.netrc would go along.
        made.auth = _authorisation(options)
        return made

    def _say_that_we_wait(self, trouble: Exception | requests.Response, seconds: float) -> None:
        """Say once for each outage why nothing seems to happen."""
        if not self._waited:
            self._waited = True
            errors.log_waiting(trouble, self.server.url, seconds)

    def close(self) -> None:
        """Close the connections; another request opens new ones."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()


def connect(url: str, http: HttpConfig) -> Connection:
    """Return the connection to a server that the user named; all that use it alike share one.

    Credentials are given for the servers that are named: in the configuration, the environment, an
    option or a call. A URL from anywhere else is one for ``connect_to_found``.
    """
    server, options = server_of(url), options_for(url, http)
    if not options.userinfo or server not in _named:
        _named[server] = options
    return _connection(server, options)


def connect_to_found(url: str, http: HttpConfig, *named: str) -> Connection:
    """Return the connection to the server of a URL that a store, a server or a journal holds.

    Others may have put it there, so credentials go along only if the user named that server too,
    or lists it in ``credentials_allow``. ``named`` are further URIs that the user named.
    """
    server, has_user = server_of(url), bool(urlsplit(url).username)
    if server in _named:
        options = options_for(url, http) if has_user else _named[server]
    elif known := next((text for text in _configured(named) if _leads_to(text, server)), ""):
        options = options_for(url if has_user else known, http)
    elif any(_leads_to(text, evolve(server, prefix="")) for text in http.credentials_allow):
        options = options_for(url, http)
    else:
        options = options_for_stranger(url, http)
    return _connection(server, options)


_named: dict[Server, Options] = {}
"""The servers that were named in this process, with how to talk to them."""


def _configured(named: Iterable[str]) -> Iterator[str]:
    """Yield the URIs that the configuration and the environment name."""
    from pegboard import config, host

    current = host.current().config
    yield from (current.pegboard.tracking_uri, current.pegboard.registry_uri, *named)
    # What a script has set since the configuration was read stands in the environment.
    yield from (os.environ.get(variable, "") for variable in config.ENVIRONMENT)


def _leads_to(uri: str, server: Server) -> bool:
    """Whether a URI is one of a server or of files behind it."""
    if urlsplit(uri).scheme not in ("http", "https"):
        return False
    return server_of(uri.partition(FILES)[0]) == server


@lru_cache(maxsize=_MOST_CONNECTIONS)
def _connection(server: Server, options: Options) -> Connection:
    return Connection(server, options)


def _is_repeatable(request: requests.PreparedRequest) -> bool:
    path = urlsplit(request.url or "").path
    if request.method == "DELETE" and "/mlflow/" in path:
        return False
    return not path.endswith(_ONCE) and "/mpu/c" not in path


def _authorisation(
    options: Options,
) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    header = ""
    if options.username and options.password:
        pair = f"{options.username}:{options.password}".encode()
        header = f"Basic {base64.b64encode(pair).decode()}"
    elif options.token:
        header = f"Bearer {options.token}"

    def authorise(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if header:
            request.headers["Authorization"] = header
        return request

    return authorise


def _reset_in_child(connection: weakref.ref[Connection]) -> None:
    alive = connection()
    if alive is not None:
        alive._reset()
