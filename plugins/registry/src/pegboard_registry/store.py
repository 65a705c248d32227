"""The registry in a SQLite file, that of the tracking store beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard import uris
from pegboard.sqlite import Database
from pegboard_tracking.location import locate
from pegboard_tracking.search import prepare

from pegboard_registry import schema
from pegboard_registry.store_models import SqliteModels
from pegboard_registry.store_promotion import SqlitePromotion
from pegboard_registry.store_versions import SqliteVersions


def open_registry(uri: uris.Uri, settings: Mapping[str, Any]) -> SqliteRegistry:
    """Open the registry in the file of a tracking store's URI; it is made if need be."""
    del settings
    # What is promoted must not be forgotten when the power fails.
    place = locate(uri, synchronous="full")
    return SqliteRegistry(place.file, synchronous=place.synchronous, patience=place.patience)


def file_of(uri: uris.Uri) -> Path:
    """Return the file of the registry of a URI."""
    return locate(uri, synchronous="full").file


class SqliteRegistry(SqliteModels, SqliteVersions, SqlitePromotion):
    """Registered models in tables of their own."""

    def __init__(
        self, path: Path, *, synchronous: str = "full", patience: float | None = None
    ) -> None:
        """Open the file and bring the registry's tables up to date."""
        self._database = Database(path, synchronous=synchronous, prepare=prepare, patience=patience)
        self._database.migrate(schema.NAME, schema.COUNT, schema.migrations)

    @property
    def database(self) -> Database:
        """The file, for what is kept beside the registry and changes together with it."""
        return self._database

    def close(self) -> None:
        """Close the connections to the file."""
        self._database.close()
