"""One call of a webhook: signed, guarded, and bounded in time and size."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from importlib.metadata import version

from attrs import frozen
from pegboard.errors import InvalidValue, Refused

from pegboard_registry.webhooks.entities import TestResult
from pegboard_registry.webhooks.guard import Guard, Target

MAX_ANSWER = 16_384
"""How many bytes of an answer are read."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which another try may help."""

_LONGEST_WAIT = 3600.0


@frozen
class Outcome:
    """How a call went: a status, or an error. ``passing``: another try may help.

    ``wait`` is how many seconds the receiver asks to wait before that.
    """

    status: int | None = None
    body: str | None = None
    error: str | None = None
    passing: bool = False
    wait: float = 0.0

    @property
    def success(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    def as_test(self) -> TestResult:
        """Return it as the result of a test."""
        return TestResult(self.success, self.status, self.body, self.error)


def signature(secret: str, delivery_id: str, timestamp: str, payload: str) -> str:
    """Return what the header X-MLflow-Signature holds."""
    signed = f"{delivery_id}.{timestamp}.{payload}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Sender:
    """Calls URLs that a guard lets pass; within ``timeout`` seconds all is over."""

    def __init__(self, guard: Guard, timeout: float) -> None:
        self._guard = guard
        self.timeout = timeout

    def send(self, url: str, secret: str | None, delivery_id: str, payload: str) -> Outcome:
        """Post a payload. No redirect is followed, and no proxy used."""
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pegboard/{version('pegboard')}",
            "X-MLflow-Delivery-Id": delivery_id,
            "X-MLflow-Timestamp": timestamp,
        }
        if secret:
            headers["X-MLflow-Signature"] = signature(secret, delivery_id, timestamp, payload)
        try:
            target = self._guard.check_url(url)
            addresses = self._guard.addresses(target)
            return self._post(target, addresses, payload.encode(), headers)
        except (InvalidValue, Refused) as error:
            return Outcome(error=str(error))
        except ssl.SSLCertVerificationError as error:
            return Outcome(error=f"The certificate cannot be trusted: {error.verify_message}.")
        except TimeoutError:
            return Outcome(error=f"It took longer than {self.timeout:g} s.", passing=True)
        except (OSError, HTTPException) as error:
            return Outcome(error=f"{type(error).__name__}: {error}", passing=True)

    def _post(
        self, target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]
    ) -> Outcome:
        deadline = _Deadline(self.timeout)
        connection = _Connection(target, addresses, self.timeout, deadline.watch)
        try:
            with deadline:
                # The header Host is the one of the URL, whatever the address is.
                head = {"Host": target.authority, "Connection": "close", **headers}
                connection.request("POST", target.path, body, head)
                response = connection.getresponse()
                text = response.read(MAX_ANSWER).decode(errors="replace")
        except (OSError, HTTPException):
            if deadline.passed:
                raise TimeoutError from None
            raise
        finally:
            connection.close()
        return _outcome(response, text)


def _outcome(response: HTTPResponse, text: str) -> Outcome:
    status = response.status
    error = None if 200 <= status < 300 else f"It answered with the status {status}."
    if 300 <= status < 400:
        error = f"It answered with the redirect {status}, which is not followed."
    wait = response.headers.get("Retry-After", "")
    seconds = min(float(wait), _LONGEST_WAIT) if wait.isascii() and wait.isdecimal() else 0.0
    return Outcome(status, text, error, status in _PASSING, seconds)


class _Deadline:
    """Ends what takes too long: a time-out of the socket alone allows a byte now and then."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, opened: socket.socket) -> None:
        self._socket = opened

    def _end(self) -> None:
        self.passed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class _Connection(HTTPConnection):
    """A connection to one of the addresses that were checked, under the name of the URL."""

    def __init__(
        self,
        target: Target,
        addresses: Sequence[str],
        timeout: float,
        opened: Callable[[socket.socket], None],
    ) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self._addresses = addresses
        self._opened = opened

    def connect(self) -> None:
        plain = self._connected()
        self._opened(plain)
        self.sock = plain
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self._target.host)
            self._opened(self.sock)

    def _connected(self) -> socket.socket:
        failure: OSError = OSError("The name has no address.")
        for address in self._addresses:
            try:
                return socket.create_connection((address, self._target.port), self.timeout)
            except OSError as error:
                failure = error
        raise failure
