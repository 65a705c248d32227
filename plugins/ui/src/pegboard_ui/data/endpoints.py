"""The data endpoints of all pages, each group from the module that answers it."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_wire.http import Endpoint

from pegboard_ui.data import detail_endpoints, runs_endpoints, trace_endpoints


def endpoints() -> Sequence[Endpoint]:
    """Return all data endpoints."""
    return [
        *runs_endpoints.run_endpoints(),
        *detail_endpoints.endpoints(),
        *trace_endpoints.endpoints(),
    ]
