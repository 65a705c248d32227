"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Backend, hookimpl
from pegboard.uris import PLAIN_PATH

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.uris import Uri


def _sqlite(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    from pegboard_tracking.store import open_store

    return open_store(uri, settings)


def _memory(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    from pegboard_tracking.memory import open_store

    return open_store(uri, settings)


def _files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.artifacts import open_files

    return open_files(uri, settings)


def _memory_files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.artifacts import open_memory

    return open_memory(uri, settings)


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare the SQLite store (also for plain paths) and the store for tests."""
    return [
        Backend("sqlite", _sqlite, "A SQLite file: sqlite:PATH"),
        Backend(PLAIN_PATH, _sqlite, "A plain path: a SQLite file, or a directory with one"),
        Backend("file", _sqlite, "The same, as a URI: file:///PATH"),
        Backend("memory", _memory, "Kept in this process only, for tests: memory:NAME"),
    ]


@hookimpl
def pegboard_artifact_stores() -> Sequence[Backend[ArtifactStore]]:
    """Declare the stores for files on this machine and for tests."""
    return [
        Backend("file", _files, "A directory: file:///PATH"),
        Backend(PLAIN_PATH, _files, "A directory, as a plain path"),
        Backend("memory", _memory_files, "Kept in this process only, for tests: memory:NAME"),
    ]


@hookimpl
def pegboard_settings() -> Mapping[str, object]:
    """Declare the settings of [plugins.tracking]."""
    return {"heartbeat_seconds": 10.0, "lost_after_seconds": 60.0, "synchronous": "normal"}
