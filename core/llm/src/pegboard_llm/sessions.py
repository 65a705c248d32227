"""Connections to vendors and to what gives their tokens, as ``[http]`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.config import HttpConfig

if TYPE_CHECKING:
    import requests


def session(http: HttpConfig) -> requests.Session:
    """Return a session that tries nothing again and sends no cookies; to be closed."""
    from http.cookiejar import DefaultCookiePolicy

    from pegboard_wire.client.sessions import session as made_by_wire

    made = made_by_wire(retries=0, verify=(http.ca_file or True) if http.verify else False)
    if http.client_certificate:
        made.cert = http.client_certificate
    # Cookies would tie calls together that have nothing to do with each other.
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return made
