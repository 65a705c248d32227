"""Calls of providers from scripts: ``requests``, with time-outs and with retries within bounds.

Redirects are not followed: a key goes to the server that it was meant for, and to no other.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Model,
    Renewal,
    Trouble,
)
from pegboard.errors import quoted

from pegboard_llm import shared_paces
from pegboard_llm.pacing import Pace
from pegboard_llm.sessions import session
from pegboard_llm.settings import Settings

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

MAX_ANSWER = 256 << 20
"""The most bytes of an answer."""
_PIECE = 1 << 16
_MOST_PAUSE = 30.0
_BUSY = (Trouble.RATE, Trouble.OVERLOADED)


class Caller:
    """Calls providers. May be used by threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A session serves one call at a time, so that to break one off harms no other.
        self._idle: list[requests.Session] = []
        self._paces: dict[tuple[str, str], Pace] = {}
        if hasattr(os, "register_at_fork"):
            # A child's answers would come to its parent, and the other way round.
            me = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _forget(me))

    def answer(
        self,
        model: Model,
        request: LLMRequest,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> Json:
        """Return the whole answer; LLMError. ``retries`` take the place of the settings'."""
        if isinstance(model, LocalProvider):
            return model.answer(request)
        assert isinstance(model, LLMProvider)
        provider = model

        def once(call: HttpCall) -> Json:
            taken = self._taken()
            with contextlib.closing(self._open(taken, call, timeout)) as response:
                reply = _whole(response)
            self._idle.append(taken)
            if reply.status != 200:
                raise provider.error(reply)
            return provider.answer(request, reply)

        return self._patiently(provider, request, once, retries)

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
        provider = model

        def once(call: HttpCall) -> Chunks:
            taken = self._taken()
            response = self._open(taken, call, timeout)
            if response.status_code == 200:
                reader = provider.events(request)
                return Chunks(reader, response, taken, self._idle.append)
            with contextlib.closing(response):
                reply = _whole(response)
            self._idle.append(taken)
            raise provider.error(reply)

        made = self._patiently(provider, request, once)
        return made, made.close

    def _taken(self) -> requests.Session:
        try:
            return self._idle.pop()
        except IndexError:
            return session(self._settings.http)

    def _open(
        self, session: requests.Session, call: HttpCall, timeout: float | None
    ) -> requests.Response:
        import requests

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

    def _patiently(
        self,
        provider: LLMProvider,
        request: LLMRequest,
        once: Callable[[HttpCall], T],
        retries: int | None = None,
    ) -> T:
        retries = self._settings.retries if retries is None else retries
        left = self._settings.retry_seconds
        for attempt in range(retries + 1):
            pace, begun = None, time.monotonic()
            started = begun
            try:
                call, pace, begun = self._turn(provider, request)
                # To wait for one's turn is no trouble.
                started = time.monotonic()
                found = once(call)
            except LLMError as error:
                pause = self._pause(attempt, error)
                left -= time.monotonic() - started + pause
                if pace is not None and error.trouble in _BUSY:
                    pace.slow(begun, pause if left >= 0 and error.retry_after else 0.0)
                if attempt == retries or not error.trouble.passes or left < 0:
                    raise
            else:
                pace.go_on()
                return found
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, error: LLMError) -> float:
        """Return how long to wait before the next attempt, in seconds."""
        if error.retry_after is not None:
            return error.retry_after
        share = random.uniform(0.5, 1)  # noqa: S311
        return min(self._settings.backoff_seconds * float(2**attempt) * share, _MOST_PAUSE)

    def _turn(self, provider: LLMProvider, request: LLMRequest) -> tuple[HttpCall, Pace, float]:
        """Wait until one more call may be made; return it, its pace, and when it began."""
        call = _called(provider, request)
        pace = self._pace(call.url, request.model)
        if pace.rate is None:
            return call, pace, pace.wait()
        begun = pace.wait()
        # What was signed before the wait may hold no longer.
        return _called(provider, request), pace, begun

    def _pace(self, url: str, model: str) -> Pace:
        """Return the pace of an upstream: a model at an address."""
        key = (urlsplit(url).netloc, model)
        if (known := self._paces.get(key)) is not None:
            return known
        return self._paces.setdefault(key, shared_paces.pace(self._settings.pace_directory, *key))


def _called(provider: LLMProvider, request: LLMRequest) -> HttpCall:
    """Return the request to make, with credentials that hold."""
    renewal = provider.renewal()
    if renewal is not Renewal.NOT_DUE:
        try:
            provider.renew()
        except LLMError:
            if renewal is Renewal.NEEDED:
                raise
    return provider.call(request)


def _forget(caller: weakref.ref[Caller]) -> None:
    found = caller()
    if found is not None:
        found._idle, found._paces = [], {}


class Chunks(Iterator[Json]):
    """The chunks of one streamed answer. One thread reads; any may close, also while it reads."""

    def __init__(
        self,
        reader: EventReader,
        response: requests.Response,
        session: requests.Session,
        give_back: Callable[[requests.Session], None],
    ) -> None:
        self._reader, self._response = reader, response
        self._session, self._give_back = session, give_back
        connection = getattr(response.raw, "connection", None)
        self._socket: socket.socket | None = getattr(connection, "sock", None)
        self._ready: deque[Json] = deque()
        self._reading = threading.Lock()
        self._ending = threading.Lock()
        self._closed = self._over = False

    def __next__(self) -> Json:
        """Return the next chunk; LLMError."""
        with self._reading:
            try:
                while not self._ready and not self._over:
                    self._read()
            except BaseException:
                self._end(clean=False)
                raise
        if self._closed:
            self._end(clean=False)
        if self._ready:
            return self._ready.popleft()
        raise StopIteration

    def close(self) -> None:
        """End the answer, if it has not ended; the server knows at once."""
        with self._ending:
            if self._over or self._closed:
                return
            self._closed = True
            if self._socket is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # Wakes up who reads.
        if self._reading.acquire(blocking=False):
            self._reading.release()
            self._end(clean=False)

    def _read(self) -> None:
        """Wait for more."""
        import requests
        import urllib3

        try:
            # As it comes: iter_content would wait for pieces of a fixed size.
            piece = self._response.raw.read1(_PIECE, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _fault(error, self._response.url, begun=True) from error
        if piece:
            self._ready.extend(self._reader.feed(piece))
        else:
            self._ready.extend(self._reader.end())
            self._end(clean=not self._closed)

    def _end(self, *, clean: bool) -> None:
        """Let go of the connection: for the next call, or for good."""
        with self._ending:
            if self._over:
                return
            self._over = True
            self._response.close()
            if clean and not self._closed:
                self._give_back(self._session)
            else:
                self._session.close()


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
