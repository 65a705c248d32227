"""The endpoints of charts, runs, comparisons, artifacts, views and the first page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_wire.http import Endpoint


def endpoints() -> Sequence[Endpoint]:
    """Return all of them."""
    from pegboard_ui.data import (
        compare,
        compare_files,
        framed,
        home,
        overview,
        preview,
        prompt_saving,
        prompts,
        series,
        tables,
        views,
    )

    return [
        *series.ENDPOINTS,
        *compare.ENDPOINTS,
        *compare_files.ENDPOINTS,
        *home.ENDPOINTS,
        *overview.ENDPOINTS,
        *preview.ENDPOINTS,
        *framed.ENDPOINTS,
        *tables.ENDPOINTS,
        *views.ENDPOINTS,
        *prompts.ENDPOINTS,
        *prompt_saving.ENDPOINTS,
    ]
