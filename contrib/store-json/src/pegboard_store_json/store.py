"""The store of ``json:`` URIs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pegboard import uris
from pegboard.entities import Experiment
from pegboard_stores.mapping_store import MappingStore, ModelRecord, RunRecord, TraceRecord

from pegboard_store_json.files import DirectoryLock, JsonFiles
from pegboard_store_json.settings import Settings


def place_of(uri: uris.Uri, settings: Settings) -> Path:
    """Return the directory that is there as soon as the store is."""
    del settings
    return uri.local_path() / "experiments"


def open_store(uri: uris.Uri, settings: Settings) -> MappingStore:
    """Open the directory that ``json:PATH`` names; it is made if need be."""
    root = uri.local_path()
    files = partial(JsonFiles, indent=settings.indent, fsync=settings.fsync)
    return MappingStore(
        files(root / "experiments", Experiment),
        files(root / "runs", RunRecord),
        models=files(root / "models", ModelRecord),
        traces=files(root / "traces", TraceRecord),
        artifact_root=uris.from_path(root / "artifacts"),
        lock=DirectoryLock(root / ".lock"),
    )
