"""Secrets and model definitions in the database.

Values of secrets go in, and out to nobody but what calls upstreams.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound, quoted
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog.records import Definition, SecretInfo
from pegboard_gateway.catalog.secrets import Keyring, Sealed, masked

_SECRET = "id, name, masked, provider, auth_config, created, updated, created_by, updated_by"  # noqa: S105
_DEFINITION = (
    "d.id, d.name, d.provider, d.model, d.secret, s.name, d.created, d.updated, d.created_by, "
    "d.updated_by FROM gateway_definition d LEFT JOIN gateway_secret s ON s.id = d.secret"
)
LONGEST_NAME = 255


def new_id(prefix: str) -> str:
    """Return a new id, as MLflow makes them: ``s-`` and 32 hexadecimal digits."""
    return f"{prefix}-{uuid.uuid4().hex}"


def touch(connection: sqlite3.Connection) -> None:
    """Say that what the gateway serves has changed."""
    connection.execute("UPDATE gateway_revision SET revision = revision + 1")


def checked_name(name: str, what: str) -> str:
    """Return the name of something; InvalidValue if it is empty or too long."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidValue(
            f"{quoted(name)} cannot be the name of {what}.",
            hint=f"It has 1 to {LONGEST_NAME} characters.",
        )
    return name


class Credentials:
    """Secrets and model definitions."""

    def __init__(self, database: Database, keys: Keyring) -> None:
        """Use tables that are up to date."""
        self._database = database
        self._keys = keys

    # -- secrets -------------------------------------------------------------------------------

    def create_secret(
        self,
        name: str,
        value: Mapping[str, str],
        *,
        provider: str | None = None,
        auth_config: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> SecretInfo:
        """Keep a secret, sealed; AlreadyExists, InvalidValue."""
        secret_id, now = new_id("s"), now_ms()
        sealed = self._keys.seal(value, secret_id)
        row = (
            secret_id,
            checked_name(name, "a secret"),
            sealed.value,
            sealed.key,
            sealed.key_id,
            _masks(value),
            provider,
            json.dumps(dict(auth_config or {})),
            *(now, now, user, user),
        )
        with self._database.writing() as connection:
            try:
                connection.execute(
                    "INSERT INTO gateway_secret (id, name, sealed, sealed_key, key_id, masked, "
                    "provider, auth_config, created, updated, created_by, updated_by) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
            except sqlite3.IntegrityError:
                raise AlreadyExists(f"Secret with name '{name}' already exists.") from None
            touch(connection)
            return self._secret(connection, secret_id)

    def secret(self, secret_id: str | None = None, name: str | None = None) -> SecretInfo:
        """Return a secret without its value, by id or by name; NotFound."""
        with self._database.reading() as connection:
            return self._secret(connection, secret_id, name)

    def secrets(self, provider: str | None = None) -> Sequence[SecretInfo]:
        """Return all secrets, or those of a provider, without their values, as they were made."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_SECRET} FROM gateway_secret "  # noqa: S608
                "WHERE ?1 IS NULL OR provider = ?1 ORDER BY number",
                (provider,),
            )
            return [_secret_info(row) for row in rows]

    def update_secret(
        self,
        secret_id: str,
        *,
        value: Mapping[str, str] | None = None,
        auth_config: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> SecretInfo:
        """Change what is not None; an empty ``auth_config`` takes it away."""
        changes: dict[str, Any] = {"updated": now_ms(), "updated_by": user}
        if value is not None:
            sealed = self._keys.seal(value, secret_id)
            changes |= {"sealed": sealed.value, "sealed_key": sealed.key}
            changes |= {"key_id": sealed.key_id, "masked": _masks(value)}
        if auth_config is not None:
            changes["auth_config"] = json.dumps(dict(auth_config))
        with self._database.writing() as connection:
            self._secret(connection, secret_id)
            change(connection, "gateway_secret", secret_id, changes)
            return self._secret(connection, secret_id)

    def delete_secret(self, secret_id: str) -> None:
        """Forget a secret; model definitions that use it stay, and cannot be called."""
        with self._database.writing() as connection:
            self._secret(connection, secret_id)
            connection.execute("DELETE FROM gateway_secret WHERE id = ?", (secret_id,))
            touch(connection)

    def open_secret(self, secret_id: str) -> dict[str, str]:
        """Return the value of a secret, for calls of upstreams; StoreError if it does not open."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT sealed, sealed_key, key_id FROM gateway_secret WHERE id = ?", (secret_id,)
            ).fetchone()
        if row is None:
            raise _no_secret(secret_id)
        return self._keys.open(Sealed(*row), secret_id)

    def rotate(self) -> int:
        """Seal all secrets with a new key; return how many there are.

        All are, or none. After a crash the next rotation completes this one.
        """
        coming = self._keys.begin_rotation()
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT id, sealed, sealed_key, key_id FROM gateway_secret"
            ).fetchall()
            for secret_id, *sealed in rows:
                anew = self._keys.rewrap(Sealed(*sealed), secret_id, coming)
                connection.execute(
                    "UPDATE gateway_secret SET sealed_key = ?, key_id = ? WHERE id = ?",
                    (anew.key, anew.key_id, secret_id),
                )
            touch(connection)
        self._keys.end_rotation()
        return len(rows)

    def _secret(
        self, connection: sqlite3.Connection, secret_id: str | None, name: str | None = None
    ) -> SecretInfo:
        column, wanted = ("id", secret_id) if secret_id else ("name", name)
        row = connection.execute(
            f"SELECT {_SECRET} FROM gateway_secret WHERE {column} = ?",  # noqa: S608
            (wanted,),
        ).fetchone()
        if row is None:
            raise _no_secret(wanted)
        return _secret_info(row)

    # -- model definitions ---------------------------------------------------------------------

    def create_definition(
        self, name: str, secret_id: str, provider: str, model: str, user: str | None = None
    ) -> Definition:
        """Define a model; AlreadyExists, NotFound for the secret."""
        definition_id, now = new_id("d"), now_ms()
        checked_name(name, "a model definition")
        with self._database.writing() as connection:
            self._secret(connection, secret_id)
            try:
                connection.execute(
                    "INSERT INTO gateway_definition (id, name, secret, provider, model, created, "
                    "updated, created_by, updated_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (definition_id, name, secret_id, provider, model, now, now, user, user),
                )
            except sqlite3.IntegrityError:
                raise _definition_exists(name) from None
            touch(connection)
            return definition(connection, definition_id)

    def definition(self, definition_id: str) -> Definition:
        """Return a model definition; NotFound."""
        with self._database.reading() as connection:
            return definition(connection, definition_id)

    def definitions(
        self, provider: str | None = None, secret_id: str | None = None
    ) -> Sequence[Definition]:
        """Return all model definitions, or those of a provider or secret, as they were made."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_DEFINITION} WHERE (?1 IS NULL OR d.provider = ?1) "
                "AND (?2 IS NULL OR d.secret = ?2) ORDER BY d.number",
                (provider, secret_id),
            )
            return [_definition(row) for row in rows]

    def update_definition(
        self,
        definition_id: str,
        *,
        name: str | None = None,
        secret_id: str | None = None,
        model: str | None = None,
        provider: str | None = None,
        user: str | None = None,
    ) -> Definition:
        """Change what is not None; AlreadyExists, NotFound."""
        given = {"name": name, "secret": secret_id, "model": model, "provider": provider}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if name is not None:
            checked_name(name, "a model definition")
        if user is not None:
            changes["updated_by"] = user
        with self._database.writing() as connection:
            definition(connection, definition_id)
            if secret_id is not None:
                self._secret(connection, secret_id)
            try:
                change(
                    connection,
                    "gateway_definition",
                    definition_id,
                    {**changes, "updated": now_ms()},
                )
            except sqlite3.IntegrityError:
                raise _definition_exists(name or "") from None
            return definition(connection, definition_id)

    def delete_definition(self, definition_id: str) -> None:
        """Delete a model definition; InvalidState while an endpoint has it."""
        with self._database.writing() as connection:
            definition(connection, definition_id)
            try:
                connection.execute("DELETE FROM gateway_definition WHERE id = ?", (definition_id,))
            except sqlite3.IntegrityError:
                raise InvalidState(
                    "Cannot delete model definition that is currently in use by endpoints.",
                    hint="Detach it from all endpoints first.",
                ) from None
            touch(connection)


def change(
    connection: sqlite3.Connection, table: str, row_id: str, changes: Mapping[str, Any]
) -> None:
    """Change columns of a row. Neither table nor columns may come from outside."""
    columns = ", ".join(f"{column} = ?" for column in changes)
    connection.execute(
        f"UPDATE {table} SET {columns} WHERE id = ?",  # noqa: S608
        (*changes.values(), row_id),
    )
    touch(connection)


def definition(connection: sqlite3.Connection, definition_id: str) -> Definition:
    """Return a model definition; NotFound."""
    row = connection.execute(
        f"SELECT {_DEFINITION} WHERE d.id = ?",
        (definition_id,),
    ).fetchone()
    if row is None:
        raise NotFound(
            f"GatewayModelDefinition not found (model_definition_id={quoted(definition_id)})."
        )
    return _definition(row)


def _definition(row: Sequence[Any]) -> Definition:
    definition_id, name, provider, model, secret, secret_name, *made = row
    return Definition(
        model_definition_id=definition_id,
        name=name,
        provider=provider,
        model_name=model,
        secret_id=secret,
        secret_name=secret_name,
        created_at=made[0],
        last_updated_at=made[1],
        created_by=made[2],
        last_updated_by=made[3],
    )


def _secret_info(row: Sequence[Any]) -> SecretInfo:
    secret_id, name, masks, provider, auth_config, *made = row
    return SecretInfo(
        secret_id=secret_id,
        secret_name=name,
        masked_values=json.loads(masks),
        provider=provider,
        auth_config=json.loads(auth_config),
        created_at=made[0],
        last_updated_at=made[1],
        created_by=made[2],
        last_updated_by=made[3],
    )


def _masks(value: Mapping[str, str]) -> str:
    return json.dumps({key: masked(each) for key, each in value.items()})


def _no_secret(wanted: str | None) -> NotFound:
    return NotFound(f"GatewaySecret not found (secret_id={quoted(wanted or '')}).")


def _definition_exists(name: str) -> AlreadyExists:
    return AlreadyExists(f"Model definition with name '{name}' already exists.")
