"""The server's own endpoints: health, version, metrics, and the description of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard_wire.http import Answer, Call, Endpoint, Permission

if TYPE_CHECKING:
    from pegboard_server.app import App

_TEXT = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_FRESH = {"cache-control": "no-store"}
_MLFLOW = b"3.17.2"
"""The version of MLflow whose protocol is served: its clients ask before they use what is new."""


def endpoints(app: App) -> Sequence[Endpoint]:
    """Return the endpoints that tell about the server itself."""

    def health(_: Call) -> Answer:
        return Answer(b"OK", headers=_FRESH, media_type=_TEXT)

    def show_version(_: Call) -> Answer:
        return Answer(_MLFLOW, headers=_FRESH, media_type=_TEXT)

    def metrics(_: Call) -> Answer:
        return Answer(app.metrics.text(), headers=_FRESH, media_type=_PROMETHEUS)

    def openapi(_: Call) -> Answer:
        import orjson

        from pegboard_server.openapi import document

        return Answer(orjson.dumps(document(app.router.routes, app.settings.root_path)))

    return [
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
    ]
