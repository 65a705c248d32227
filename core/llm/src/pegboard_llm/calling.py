"""Calls of providers from scripts: ``requests``, with time-outs and with retries within bounds.

Redirects are not followed: a key goes to the server that it was meant for, and to no other.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard.contracts.llm import (
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Model,
    Trouble,
)
from pegboard.errors import quoted

from pegboard_llm.settings import Settings

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

MAX_ANSWER = 256 << 20
"""The most bytes of an answer."""
_PIECE = 1 << 16
_MOST_PAUSE = 30.0


class Caller:
    """Calls providers. May be used by threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()

    def answer(self, model: Model, request: LLMRequest, timeout: float | None = None) -> Json:
        """Return the whole answer; LLMError."""
        if isinstance(model, LocalProvider):
            return model.answer(request)
        assert isinstance(model, LLMProvider)
        provider, call = model, model.call(request)

        def once() -> Json:
            with contextlib.closing(self._open(call, timeout)) as response:
                reply = _whole(response)
            if reply.status != 200:
                raise provider.error(reply)
            return provider.answer(request, reply)

        return self._patiently(once)

    def stream(
        self, model: Model, request: LLMRequest, timeout: float | None = None
    ) -> tuple[Iterator[Json], Callable[[], None]]:
        """Return the chunks of a streamed answer as they come, and what ends it from any thread.

        Nothing is tried again once the first bytes are there.
        """
        if isinstance(model, LocalProvider):
            chunks = model.events(request)
            return chunks, getattr(chunks, "close", lambda: None)
        assert isinstance(model, LLMProvider)
        provider, call = model, model.call(request)

        def once() -> requests.Response:
            response = self._open(call, timeout)
            if response.status_code == 200:
                return response
            with contextlib.closing(response):
                raise provider.error(_whole(response))

        response = self._patiently(once)
        return _chunks(provider, request, response), lambda: _stop(response)

    def _open(self, call: HttpCall, timeout: float | None) -> requests.Response:
        import requests

        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._session()
        waits = (self._settings.connect_seconds, timeout or self._settings.timeout_seconds)
        try:
            return session.request(
                call.method,
                call.url,
                data=call.body,
                headers=dict(call.headers),
                timeout=waits,
                stream=True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _fault(error, call.url) from error

    def _session(self) -> requests.Session:
        from pegboard_wire.client.sessions import session

        http = self._settings.http
        made = session(retries=0, verify=(http.ca_file or True) if http.verify else False)
        if http.client_certificate:
            made.cert = http.client_certificate
        # Cookies would tie calls together that have nothing to do with each other.
        made.cookies.set_policy(_no_cookies())
        return made

    def _patiently(self, once: Callable[[], T]) -> T:
        settings = self._settings
        last = time.monotonic() + settings.retry_seconds
        for attempt in range(settings.retries + 1):
            try:
                return once()
            except LLMError as error:
                pause = settings.backoff_seconds * 2**attempt * random.uniform(0.5, 1)  # noqa: S311
                pause = min(pause, _MOST_PAUSE) if error.retry_after is None else error.retry_after
                final = attempt == settings.retries or not error.trouble.passes
                if final or time.monotonic() + pause > last:
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable")


def _chunks(
    provider: LLMProvider, request: LLMRequest, response: requests.Response
) -> Iterator[Json]:
    import requests
    import urllib3

    reader = provider.events(request)
    with contextlib.closing(response):
        try:
            # As they come: iter_content would wait for pieces of a fixed size.
            while piece := _read(response):
                yield from reader.feed(piece)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _fault(error, response.url, begun=True) from error
        yield from reader.end()


def _stop(response: requests.Response) -> None:
    """End an answer, whichever thread reads it: the server is to know at once."""
    connection: Any = getattr(response.raw, "connection", None)
    sock: socket.socket | None = getattr(connection, "sock", None)
    if connection is None or sock is None:
        return  # It has ended, and its connection may serve another request.
    with contextlib.suppress(OSError, ValueError):
        sock.shutdown(socket.SHUT_RDWR)  # Wakes up who reads.
    response.close()
    if connection.sock is sock:
        # Whoever read it took the end for a good one, and kept the connection.
        connection.close()


def _read(response: requests.Response) -> bytes:
    try:
        found: bytes = response.raw.read1(_PIECE, decode_content=True)
    except ValueError as error:  # The socket was closed under it.
        raise ConnectionError(str(error)) from error
    return found


def _whole(response: requests.Response) -> HttpReply:
    """Return an answer, with the names of its headers in lower case."""
    import requests

    parts, size = [], 0
    try:
        for part in response.iter_content(_PIECE):
            size += len(part)
            if size > MAX_ANSWER:
                raise LLMError(Trouble.GARBAGE, f"The answer has more than {MAX_ANSWER:,} bytes.")
            parts.append(part)
    except requests.RequestException as error:
        raise _fault(error, response.url, begun=True) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpReply(response.status_code, headers, b"".join(parts))


def _fault(error: Exception, url: str | None, *, begun: bool = False) -> LLMError:
    """Return the error for a connection that failed."""
    import requests
    import urllib3

    where = quoted((url or "").partition("?")[0])
    timeouts = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
    if isinstance(error, timeouts) or "Read timed out" in str(error):
        return LLMError(Trouble.TIMEOUT, f"{where} did not answer in time.")
    if begun:
        return LLMError(Trouble.CUT, f"The connection to {where} broke within the answer.")
    hint = "Check the address, and that the server runs."
    if isinstance(error, requests.exceptions.SSLError):
        hint = "Its certificate is not trusted; [http] ca_file names one that is."
    return LLMError(Trouble.UNREACHABLE, f"{where} cannot be reached.", hint=hint)


def _no_cookies() -> Any:
    from http.cookiejar import DefaultCookiePolicy

    return DefaultCookiePolicy(allowed_domains=[])
