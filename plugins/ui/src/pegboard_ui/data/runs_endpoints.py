"""The endpoints of the table of runs."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_wire.http import Endpoint


def run_endpoints() -> Sequence[Endpoint]:
    """Return all of them."""
    from pegboard_ui.data import events, histogram, keys, table, values

    return [
        *table.ENDPOINTS,
        *keys.ENDPOINTS,
        *values.ENDPOINTS,
        *histogram.ENDPOINTS,
        *events.ENDPOINTS,
    ]
