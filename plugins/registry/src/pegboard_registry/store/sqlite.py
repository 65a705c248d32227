"""The registry in a SQLite file, that of the tracking store beside it."""

from __future__ import annotations

from pathlib import Path

from pegboard import uris
from pegboard_stores.location import locate
from pegboard_stores.sql.patterns import prepare
from pegboard_stores.sqlite import Database

from pegboard_registry.store import schema
from pegboard_registry.store.models import SqliteModels
from pegboard_registry.store.promotion import SqlitePromotion
from pegboard_registry.store.versions import SqliteVersions


def open_registry(uri: uris.Uri, settings: object) -> SqliteRegistry:
    """Open the registry in the file of a tracking store's URI; it is made if need be."""
    del settings
    # What is promoted must not be forgotten when the power fails.
    place = locate(uri, synchronous="full")
    return SqliteRegistry(place.file, synchronous=place.synchronous, patience=place.patience)


def file_of(uri: uris.Uri, settings: object) -> Path:
    """Return the file of the registry of a URI."""
    del settings
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
