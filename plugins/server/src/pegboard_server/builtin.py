"""The server's own endpoints: health, version, metrics, and the description of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from pegboard.errors import InvalidState
from pegboard_wire import notices
from pegboard_wire.http import Answer, Call, Endpoint, Permission

from pegboard_server.sessions import cookie

if TYPE_CHECKING:
    from pegboard_server.app import App

_TEXT = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_FRESH = {"cache-control": "no-store"}
_MLFLOW = b"3.17.2"
"""The version of MLflow whose protocol is served: its clients ask before they use what is new."""
_SESSION = "/api/pegboard/1.0/session"


def endpoints(app: App) -> Sequence[Endpoint]:
    """Return the endpoints that tell about the server itself."""

    def health(_: Call) -> Answer:
        return Answer(b"OK", headers=_FRESH, media_type=_TEXT)

    def show_version(_: Call) -> Answer:
        return Answer(_MLFLOW, headers=_FRESH, media_type=_TEXT)

    def metrics(_: Call) -> Answer:
        return Answer(app.metrics.text(app.collectors()), headers=_FRESH, media_type=_PROMETHEUS)

    def described() -> dict[str, Any]:
        from pegboard_server.openapi import document

        return document(app.router.routes, app.settings.root_path)

    def openapi(_: Call) -> Answer:
        return Answer(orjson.dumps(described()))

    def docs(call: Call) -> Answer:
        from pegboard_server.docs import page

        content = page(described(), notices.up(call.path))
        return Answer(content, headers=notices.HEADERS, media_type=notices.MEDIA_TYPE)

    def log_in(call: Call) -> Answer:
        given = call.headers.get("authorization", "")
        value = app.authenticator.begin_session(given) if given else None
        if value is None:
            raise InvalidState(
                "There is nobody to log in.",
                hint="Send a name and password, or a token, in the header Authorization.",
            )
        told = {"name": call.identity.name, "permissions": sorted(call.identity.permissions)}
        return Answer(orjson.dumps(told), headers={**_FRESH, "set-cookie": _cookie(call, value)})

    def log_out(call: Call) -> Answer:
        sessions = app.authenticator.sessions
        given = {key.encode(): call.headers.get(key, "").encode() for key in ("cookie", "host")}
        if session := sessions.read(given):
            sessions.end(session)
        return Answer(b"{}", headers={**_FRESH, "set-cookie": _cookie(call, "")})

    return [
        Endpoint(
            "POST",
            _SESSION,
            log_in,
            Permission.READ,
            "Begin a session, which the browser keeps in a cookie.",
            quick=True,
        ),
        Endpoint("DELETE", _SESSION, log_out, Permission.PUBLIC, "End the session.", quick=True),
        Endpoint("GET", "/health", health, Permission.PUBLIC, "Say OK.", quick=True),
        Endpoint(
            "GET",
            "/version",
            show_version,
            Permission.PUBLIC,
            "Say which version of MLflow's protocol is spoken.",
            quick=True,
        ),
        Endpoint(
            "GET", "/metrics", metrics, Permission.READ, "Measurements, in Prometheus' format."
        ),
        Endpoint("GET", "/openapi.json", openapi, Permission.READ, "This description."),
        Endpoint("GET", "/docs", docs, Permission.READ, "This description, for people."),
    ]


def _cookie(call: Call, value: str) -> str:
    url = urlsplit(call.server_url)
    return cookie(value, url.netloc, url.path, secure=url.scheme == "https")
