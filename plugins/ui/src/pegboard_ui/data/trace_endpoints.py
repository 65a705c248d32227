"""The endpoints of the pages of traces and evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_wire.http import Endpoint


def endpoints() -> Sequence[Endpoint]:
    """Return all of them."""
    from pegboard_ui.data import evaluations, trace_list, trace_page

    return [*trace_list.ENDPOINTS, *trace_page.ENDPOINTS, *evaluations.ENDPOINTS]
