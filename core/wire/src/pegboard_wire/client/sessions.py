"""The HTTP session of plugins: time-outs, retries, and the certificates of the machine."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

RETRIED = (408, 429, 500, 502, 503, 504)
"""Statuses after which a request is tried again, as in MLflow's client."""

IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
"""Methods that do no more when they are sent twice."""

MAX_PAUSE = 120.0
"""The longest wait before another try, in seconds, whatever ``Retry-After`` says."""

_CONNECTING = 10.0
"""The longest wait for a connection, in seconds."""


def is_idempotent(request: requests.PreparedRequest) -> bool:
    """Whether a request's method says that it may be sent twice."""
    return request.method in IDEMPOTENT


def session(
    *,
    timeout: float = 120.0,
    retries: int = 5,
    backoff: float = 2.0,
    headers: Mapping[str, str] | None = None,
    verify: bool | str = True,
    repeatable: Callable[[requests.PreparedRequest], bool] = is_idempotent,
    passing: Callable[[requests.Response], bool] = lambda _: True,
    waiting: Callable[[Exception | requests.Response, float], None] = lambda *_: None,
) -> requests.Session:
    """Return a ``requests`` session.

    ``timeout`` is in seconds, for each try. A request is tried again up to ``retries`` times after
    a fault of the connection or a status in ``RETRIED``, after ``backoff * 2**n`` seconds with
    jitter, or when ``Retry-After`` says. One that is not ``repeatable`` is so only if it did not
    get there, or if the server says when to come again. ``passing`` may look at an answer of such
    a status and say that it is final. ``waiting`` receives, when a request has failed for the first
    time and is to be tried again, why, and for how many seconds at least.

    What is given to the session (``headers``, and ``auth`` and ``cert`` when they are set) goes to
    no other scheme, host or port that a server redirects to. Nothing is taken from ``~/.netrc``.
    """
    made = _session_class()()
    adapter = _adapter(timeout, retries, backoff, repeatable, passing, waiting)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    made.headers.update(headers or {})
    made.verify = verify
    return made


def _session_class() -> type[requests.Session]:
    """Return the class of our sessions; made late, as its base is."""
    import requests

    class OriginSession(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            # Without one, requests would look into ~/.netrc for each host that it is sent to.
            self.auth = _as_it_is

        def merge_environment_settings(self, url: Any, proxies: Any, *settings: Any) -> Any:
            """Take from the environment what applies to a request.

            ``requests`` reads it as a whole, twice, which takes a tenth of a small request. Where
            no variable names a proxy, it is told beforehand that this host needs none.
            """
            if not proxies and sys.platform == "linux" and not _proxies_are_named():
                proxies = {"no_proxy": urlsplit(url).hostname}
            return super().merge_environment_settings(url, proxies, *settings)

        def rebuild_auth(
            self, prepared_request: requests.PreparedRequest, response: requests.Response
        ) -> None:
            """Take from a request that goes elsewhere what was not given for that place."""
            left = getattr(response.request, _ELSEWHERE, False)
            if left or self.should_strip_auth(str(response.request.url), str(prepared_request.url)):
                setattr(prepared_request, _ELSEWHERE, True)
                kept = requests.utils.default_headers()
                for name in {"Authorization", "Cookie", *(set(self.headers) - set(kept))}:
                    prepared_request.headers.pop(name, None)

    return OriginSession


def _proxies_are_named() -> bool:
    """Whether a variable of the environment may name a proxy, as ``urllib`` looks for them."""
    return any(name[-6:].lower() == "_proxy" for name in os.environ)


_ELSEWHERE = "_pegboard_elsewhere"
"""Marks a request that was redirected to another origin."""


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _adapter(
    timeout: float,
    retries: int,
    backoff: float,
    repeatable: Callable[[requests.PreparedRequest], bool],
    passing: Callable[[requests.Response], bool],
    waiting: Callable[[Exception | requests.Response, float], None],
) -> HTTPAdapter:
    """Return what sends the requests of a session; a class made late, as its base is."""
    import requests
    from requests.adapters import HTTPAdapter

    class PatientAdapter(HTTPAdapter):
        def send(
            self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            if getattr(request, _ELSEWHERE, False):
                kwargs["cert"] = None
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = (min(_CONNECTING, timeout), timeout)
            for attempt in range(retries + 1):
                pause = backoff * 2**attempt + random.uniform(0, backoff / 2)  # noqa: S311
                try:
                    response = super().send(request, *args, **kwargs)
                    if not kwargs.get("stream"):
                        # Here, so that an answer that breaks off is asked for again too.
                        _ = response.content
                except requests.exceptions.SSLError:
                    raise
                except (
                    requests.exceptions.ConnectionError,
                    requests.exceptions.Timeout,
                    requests.exceptions.ChunkedEncodingError,
                ) as error:
                    may = repeatable(request) or was_not_sent(error)
                    if attempt == retries or not may or not _rewound(request):
                        raise
                    trouble: Exception | requests.Response = error
                else:
                    status = response.status_code
                    may = repeatable(request) or "Retry-After" in response.headers
                    if attempt == retries or status not in RETRIED or not may:
                        return response
                    if not passing(response) or not _rewound(request):
                        return response
                    pause = _asked_pause(response, pause)
                    response.close()
                    trouble = response
                if attempt == 0:
                    # At least the pauses: each try may take its time, too.
                    waiting(trouble, pause + backoff * (2**retries - 2))
                time.sleep(min(pause, MAX_PAUSE))
            raise AssertionError("unreachable")

    return PatientAdapter()


def was_not_sent(error: Exception) -> bool:
    """Whether a request that failed with this error cannot have reached the server."""
    import requests
    from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def _rewound(request: requests.PreparedRequest) -> bool:
    """Whether the body can be sent once more; a file is brought back to where it began."""
    from requests.exceptions import UnrewindableBodyError
    from requests.utils import rewind_body

    body: Any = request.body
    if body is None or isinstance(body, (bytes, str)):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True


def _asked_pause(response: requests.Response, otherwise: float) -> float:
    """Return the seconds that a server asks to wait for."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    asked = response.headers.get("Retry-After")
    if not asked:
        return otherwise
    try:
        return float(Retry().parse_retry_after(asked))
    except (InvalidHeader, ValueError, OverflowError):
        return otherwise
