"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import Finding, hookimpl

if TYPE_CHECKING:
    from pegboard.host import Host


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hooks for serving."""
    return "pegboard_wire.hookspecs"


@hookimpl
def pegboard_checks(host: Host) -> Iterable[Finding]:
    """Look at what a server would serve."""
    from pegboard_wire.endpoints import findings

    return findings(host)


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name those of clients of servers, which have names of MLflow's too."""
    return (
        "PEGBOARD_HTTP_REQUEST_BACKOFF_FACTOR",
        "PEGBOARD_HTTP_REQUEST_MAX_RETRIES",
        "PEGBOARD_HTTP_REQUEST_TIMEOUT",
        "PEGBOARD_MULTIPART_UPLOAD_CHUNK_SIZE",
        "PEGBOARD_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE",
        "PEGBOARD_TRACKING_CLIENT_CERT_PATH",
        "PEGBOARD_TRACKING_HEADERS",
        "PEGBOARD_TRACKING_INSECURE_TLS",
        "PEGBOARD_TRACKING_PASSWORD",
        "PEGBOARD_TRACKING_SERVER_CERT_PATH",
        "PEGBOARD_TRACKING_TOKEN",
        "PEGBOARD_TRACKING_USERNAME",
    )
