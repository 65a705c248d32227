"""The store of ``json:`` URIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard import uris
from pegboard.entities import Experiment
from pegboard_stores.mapping_store import MappingStore, RunRecord

from pegboard_store_json.files import DirectoryLock, JsonFiles


def open_store(uri: uris.Uri, settings: Mapping[str, Any]) -> MappingStore:
    """Open the directory that ``json:PATH`` names; it is made if need be."""
    root = uri.local_path()
    return MappingStore(
        JsonFiles(root / "experiments", Experiment, **settings),
        JsonFiles(root / "runs", RunRecord, **settings),
        artifact_root=uris.from_path(root / "artifacts"),
        lock=DirectoryLock(root / ".lock"),
    )
