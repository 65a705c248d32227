"""What this distribution adds to the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Backend, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.uris import Uri


def _open(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    # Imported here, so that the plugin costs nothing until a json: URI is opened.
    from pegboard_store_json.store import open_store

    return open_store(uri, settings)


def _place(uri: Uri, settings: Mapping[str, Any]) -> Path:
    del settings
    return uri.local_path() / "experiments"


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare the store for ``json:`` URIs."""
    return [Backend("json", _open, "A directory of JSON files: json:PATH", _place)]


@hookimpl
def pegboard_settings() -> Mapping[str, object]:
    """Declare the settings of [plugins.store-json]."""
    return {"indent": 2, "fsync": False}
