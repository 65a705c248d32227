"""The endpoints of the pages of traces and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_wire.http import Endpoint


def endpoints() -> Sequence[Endpoint]:
    """Return all of them."""
    from pegboard_ui.data import evaluations, trace_list, trace_page, trace_sessions

    modules = (trace_list, trace_page, trace_sessions, evaluations)
    return [endpoint for module in modules for endpoint in module.ENDPOINTS]
