"""The database of the gateway: opened when it is there or something is to be kept."""

from __future__ import annotations

import threading
from pathlib import Path

from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog import schema
from pegboard_gateway.catalog.credentials import Credentials
from pegboard_gateway.catalog.guarding import Guardrails
from pegboard_gateway.catalog.policies import Policies
from pegboard_gateway.catalog.secrets import Keyring
from pegboard_gateway.catalog.stored import Endpoints


class Store:
    """What was made through the API. To look at it makes no file; the first change does."""

    def __init__(self, path: Path, key_file: Path) -> None:
        """``key_file`` holds the key of the secrets, unless the environment has it."""
        self.path = path
        self.keys = Keyring(key_file)
        self._lock = threading.Lock()
        self._database: Database | None = None

    def exists(self) -> bool:
        """Whether there is a database."""
        return self._database is not None or self.path.exists()

    @property
    def database(self) -> Database:
        """The database, with its tables up to date."""
        with self._lock:
            if self._database is None:
                made = Database(self.path)
                made.migrate(schema.NAME, schema.COUNT, schema.migrations)
                self._database = made
            return self._database

    @property
    def credentials(self) -> Credentials:
        """Secrets and model definitions."""
        return Credentials(self.database, self.keys)

    @property
    def endpoints(self) -> Endpoints:
        """Endpoints, with what belongs to them."""
        return Endpoints(self.database)

    @property
    def guardrails(self) -> Guardrails:
        """Guardrails, and the endpoints that they guard."""
        return Guardrails(self.database)

    @property
    def policies(self) -> Policies:
        """Budgets."""
        return Policies(self.database)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
