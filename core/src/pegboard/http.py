"""The HTTP session of plugins: time-outs, retries, and the certificates of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

RETRIED = (408, 429, 500, 502, 503, 504)
"""Statuses after which a request is tried again, as in MLflow's client."""


def session(
    *,
    timeout: float = 120.0,
    retries: int = 5,
    backoff: float = 2.0,
    headers: Mapping[str, str] | None = None,
    verify: bool | str = True,
) -> requests.Session:
    """Return a ``requests`` session.

    ``timeout`` is in seconds, for each try. A request whose method is idempotent is tried again
    up to ``retries`` times after a fault of the connection or a status in ``RETRIED``, after
    ``backoff * 2**n`` seconds with jitter, or when ``Retry-After`` says.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    class TimedAdapter(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = timeout
            return super().send(*args, **kwargs)

    made = requests.Session()
    adapter = TimedAdapter(
        max_retries=Retry(
            total=retries,
            backoff_factor=backoff,
            backoff_jitter=0.5,
            status_forcelist=RETRIED,
            respect_retry_after_header=True,
            raise_on_status=False,
        )
    )
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    made.headers.update(headers or {})
    made.verify = verify
    return made
