"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterable
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
