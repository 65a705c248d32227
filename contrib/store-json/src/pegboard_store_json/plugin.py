"""What this distribution adds to the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import Backend, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare the store for ``json:`` URIs."""
    return [
        Backend(
            "json",
            "pegboard_store_json.store:open_store",
            "A directory of JSON files: json:PATH",
            place="pegboard_store_json.store:place_of",
        )
    ]


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.store-json]."""
    return "pegboard_store_json.settings:Settings"
