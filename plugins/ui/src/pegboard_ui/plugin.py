"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_wire.http import Endpoint


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare the data of the pages."""
    from pegboard_ui.data.runs_endpoints import run_endpoints as endpoints

    return endpoints()
