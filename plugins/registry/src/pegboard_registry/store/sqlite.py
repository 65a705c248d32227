"""The registry in a SQLite file, that of the tracking store beside it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pegboard import uris
from pegboard_stores.location import locate
from pegboard_stores.registry_changes import RegistryRevision
from pegboard_stores.sql.patterns import prepare
from pegboard_stores.sqlite import Database

from pegboard_registry.store import schema
from pegboard_registry.store.models import SqliteModels
from pegboard_registry.store.promotion import SqlitePromotion
from pegboard_registry.store.versions import SqliteVersions

if TYPE_CHECKING:
    from pegboard_registry.settings import Settings
    from pegboard_registry.webhooks.store import WebhookStore

T = TypeVar("T")


def open_registry(uri: uris.Uri, settings: Settings) -> SqliteRegistry:
    """Open the registry in the file of a tracking store's URI; it is made if need be."""
    # What is promoted must not be forgotten when the power fails.
    place = locate(uri, synchronous="full")
    return SqliteRegistry(
        place.file, synchronous=place.synchronous, patience=place.patience, settings=settings
    )


def file_of(uri: uris.Uri, settings: object) -> Path:
    """Return the file of the registry of a URI."""
    del settings
    return locate(uri, synchronous="full").file


class _Revision(RegistryRevision):
    """The number that triggers count up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        with self._database.reading() as connection:
            [(number,)] = connection.execute("SELECT number FROM registry_revision").fetchall()
        return int(number)


class SqliteRegistry(SqliteModels, SqliteVersions, SqlitePromotion):
    """Registered models in their own tables."""

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str = "full",
        patience: float | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Open the file and bring the registry's tables up to date.

        ``settings`` say what webhooks may call; without them, what everybody may.
        """
        self._settings = settings
        self._webhooks: WebhookStore | None = None
        self._lock = threading.Lock()
        self._database = Database(path, synchronous=synchronous, prepare=prepare, patience=patience)
        self._database.migrate(schema.NAME, schema.COUNT, schema.migrations)

    @property
    def database(self) -> Database:
        """The file, for what is kept beside the registry and changes together with it."""
        return self._database

    def ability(self, contract: type[T]) -> T | None:
        """Return the revision of the tables, the webhooks in the same file, or itself."""
        told = _Revision(self._database)
        if isinstance(told, contract):
            return told
        with self._lock:
            if self._webhooks is None:
                self._webhooks = self._open_webhooks()
        if isinstance(self._webhooks, contract):
            return self._webhooks
        return super().ability(contract)

    def _open_webhooks(self) -> WebhookStore:
        from pegboard_registry.settings import Settings
        from pegboard_registry.webhooks.guard import Guard
        from pegboard_registry.webhooks.sending import Sender
        from pegboard_registry.webhooks.store import WebhookStore

        settings = self._settings or Settings()
        guard = Guard(settings.webhook_allow)
        sender = Sender(guard, settings.webhook_timeout_seconds)
        return WebhookStore(self._database, guard, sender)

    def close(self) -> None:
        """Close the connections to the file."""
        self._database.close()
