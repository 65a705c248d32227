"""Endpoints in the database, with their models, tags and bindings."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pegboard.errors import AlreadyExists, InvalidValue, NotFound, quoted
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog.credentials import change, definition, new_id, touch
from pegboard_gateway.catalog.records import (
    Binding,
    Fallback,
    FallbackStrategy,
    Link,
    Linkage,
    Mapped,
    StoredEndpoint,
    Strategy,
)
from pegboard_gateway.settings import NAME

_ENDPOINT = (
    "id, name, routing, has_fallback, fallback, max_attempts, experiment, tracked, options, "
    "created, updated, created_by, updated_by FROM gateway_endpoint"
)
_LINK = (
    "id, endpoint, definition, linkage, weight, fallback_order, created, created_by "
    "FROM gateway_link"
)
_BINDING = (
    "endpoint, kind, resource, display_name, created, updated, created_by, updated_by "
    "FROM gateway_binding"
)
LONGEST_TAG_KEY, LONGEST_TAG = 250, 5000


class Endpoints:
    """Endpoints that were made through the API."""

    def __init__(self, database: Database) -> None:
        """Use tables that are up to date."""
        self._database = database

    def create(
        self,
        name: str,
        links: Sequence[Link],
        *,
        routing: Strategy | None = None,
        fallback: Fallback | None = None,
        experiment_id: str | None = None,
        usage_tracking: bool = True,
        options: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> StoredEndpoint:
        """Make an endpoint; AlreadyExists, InvalidValue, NotFound for a model definition."""
        if not links:
            raise InvalidValue("Endpoint must have at least one model configuration.")
        endpoint_id, now = new_id("e"), now_ms()
        row = (
            endpoint_id,
            _checked(name),
            routing,
            *_columns(fallback, links),
            experiment_id,
            usage_tracking,
            json.dumps(dict(options or {})),
            *(now, now, user, user),
        )
        with self._database.writing() as connection:
            try:
                connection.execute(
                    "INSERT INTO gateway_endpoint (id, name, routing, has_fallback, fallback, "
                    "max_attempts, experiment, tracked, options, created, updated, created_by, "
                    "updated_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
            except sqlite3.IntegrityError:
                raise _exists(name) from None
            for link in links:
                _add(connection, endpoint_id, link, user)
            touch(connection)
            return _endpoint(connection, endpoint_id)

    def get(self, endpoint_id: str | None = None, name: str | None = None) -> StoredEndpoint:
        """Return an endpoint by id or by name; NotFound."""
        with self._database.reading() as connection:
            return _endpoint(connection, endpoint_id, name)

    def all(
        self, provider: str | None = None, secret_id: str | None = None
    ) -> Sequence[StoredEndpoint]:
        """Return the endpoints, or those with a model of a provider or secret."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_ENDPOINT} ORDER BY number").fetchall()
            found = [_complete(connection, row) for row in rows]
        return [
            each
            for each in found
            if (provider is None and secret_id is None)
            or any(
                made.definition is not None
                and provider in (None, made.definition.provider)
                and secret_id in (None, made.definition.secret_id)
                for made in each.mappings
            )
        ]

    def revision(self) -> int:
        """Return a number that grows with each change."""
        with self._database.reading() as connection:
            found: int = connection.execute("SELECT revision FROM gateway_revision").fetchone()[0]
            return found

    def update(
        self,
        endpoint_id: str,
        *,
        name: str | None = None,
        links: Sequence[Link] | None = None,
        routing: Strategy | None = None,
        fallback: Fallback | None = None,
        experiment_id: str | None = None,
        usage_tracking: bool | None = None,
        options: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> StoredEndpoint:
        """Change what is not None; ``links`` and ``options`` replace those that were there."""
        changes: dict[str, Any] = {
            "name": name if name is None else _checked(name),
            "routing": routing,
            "experiment": experiment_id,
            "tracked": usage_tracking,
            "options": None if options is None else json.dumps(dict(options)),
            "updated_by": user,
        }
        changes = {key: value for key, value in changes.items() if value is not None}
        if links is not None or fallback is not None:
            values = _columns(fallback, links or ())
            changes |= dict(zip(("has_fallback", "fallback", "max_attempts"), values, strict=True))
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            try:
                row = {**changes, "updated": now_ms()}
                change(connection, "gateway_endpoint", endpoint_id, row)
            except sqlite3.IntegrityError:
                raise _exists(name or "") from None
            if links is not None:
                connection.execute("DELETE FROM gateway_link WHERE endpoint = ?", (endpoint_id,))
                for link in links:
                    _add(connection, endpoint_id, link, user)
            return _endpoint(connection, endpoint_id)

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint with its links, tags and bindings."""
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            connection.execute("DELETE FROM gateway_endpoint WHERE id = ?", (endpoint_id,))
            touch(connection)

    # -- models --------------------------------------------------------------------------------

    def attach(self, endpoint_id: str, link: Link, user: str | None = None) -> Mapped:
        """Add a model to an endpoint; AlreadyExists, NotFound."""
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            mapping_id = _add(connection, endpoint_id, link, user)
            by = {"updated_by": user} if user else {}
            change(connection, "gateway_endpoint", endpoint_id, {"updated": now_ms(), **by})
            row = connection.execute(
                f"SELECT {_LINK} WHERE id = ?",
                (mapping_id,),
            ).fetchone()
            return _mapped(connection, row)

    def detach(self, endpoint_id: str, definition_id: str) -> None:
        """Take a model from an endpoint: the first of its links; NotFound."""
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            row = connection.execute(
                "SELECT id FROM gateway_link WHERE endpoint = ? AND definition = ? ORDER BY number",
                (endpoint_id, definition_id),
            ).fetchone()
            if row is None:
                raise NotFound(
                    f"Model definition {quoted(definition_id)} is not attached to endpoint "
                    f"{quoted(endpoint_id)}."
                )
            connection.execute("DELETE FROM gateway_link WHERE id = ?", row)
            touch(connection)

    # -- tags and bindings ---------------------------------------------------------------------

    def set_tag(self, endpoint_id: str, key: str, value: str) -> None:
        """Give an endpoint a tag, or a tag another value."""
        if not key or len(key) > LONGEST_TAG_KEY or len(value) > LONGEST_TAG:
            raise InvalidValue(
                f"{quoted(key)} cannot be a tag of an endpoint.",
                hint=f"A key has 1 to {LONGEST_TAG_KEY} characters, a value up to {LONGEST_TAG}.",
            )
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            connection.execute(
                "INSERT INTO gateway_tag VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET value = excluded.value",
                (endpoint_id, key, value),
            )
            touch(connection)

    def delete_tag(self, endpoint_id: str, key: str) -> None:
        """Take a tag from an endpoint; nothing happens if it has none."""
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            connection.execute(
                "DELETE FROM gateway_tag WHERE endpoint = ? AND key = ?", (endpoint_id, key)
            )
            touch(connection)

    def bind(
        self, endpoint_id: str, kind: str, resource_id: str, user: str | None = None
    ) -> Binding:
        """Say that something uses an endpoint; AlreadyExists, NotFound."""
        now = now_ms()
        with self._database.writing() as connection:
            _endpoint(connection, endpoint_id)
            row = (endpoint_id, kind, resource_id, None, now, now, user, user)
            try:
                connection.execute(
                    "INSERT INTO gateway_binding VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
                )
            except sqlite3.IntegrityError:
                raise AlreadyExists(
                    f"Endpoint {quoted(endpoint_id)} is bound to {kind} {quoted(resource_id)} "
                    "already."
                ) from None
            return _binding(row)

    def unbind(self, endpoint_id: str, kind: str, resource_id: str) -> None:
        """Say that something uses an endpoint no more; NotFound."""
        with self._database.writing() as connection:
            done = connection.execute(
                "DELETE FROM gateway_binding WHERE endpoint = ? AND kind = ? AND resource = ?",
                (endpoint_id, kind, resource_id),
            )
            if not done.rowcount:
                raise NotFound(
                    f"GatewayEndpointBinding not found (endpoint_id={quoted(endpoint_id)}, "
                    f"resource_type={quoted(kind)}, resource_id={quoted(resource_id)})."
                )

    def bindings(
        self,
        endpoint_id: str | None = None,
        kind: str | None = None,
        resource_id: str | None = None,
    ) -> Sequence[Binding]:
        """Return the bindings, or those of an endpoint, a kind of things or a thing."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_BINDING} WHERE (?1 IS NULL OR endpoint = ?1) "
                "AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR resource = ?3) "
                "ORDER BY created, endpoint, kind, resource",
                (endpoint_id, kind, resource_id),
            )
            return [_binding(row) for row in rows]


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidValue(
            f"Invalid endpoint name {quoted(name)}.",
            hint="Name can only contain letters, numbers, underscores, hyphens, and dots.",
        )
    return name


def _columns(
    fallback: Fallback | None, links: Iterable[Link]
) -> tuple[bool, FallbackStrategy | None, int | None]:
    has = fallback is not None or any(link.linkage_type is Linkage.FALLBACK for link in links)
    if fallback is None:
        return has, None, None
    if fallback.max_attempts is not None and fallback.max_attempts < 1:
        raise InvalidValue("max_attempts should be at least 1.")
    return has, fallback.strategy, fallback.max_attempts


def _add(connection: sqlite3.Connection, endpoint_id: str, link: Link, user: str | None) -> str:
    definition(connection, link.model_definition_id)
    if not 0 <= link.weight < float("inf"):
        raise InvalidValue(f"The weight of a model is {link.weight}, not a number from 0.")
    mapping_id = new_id("m")
    row = (
        mapping_id,
        endpoint_id,
        link.model_definition_id,
        link.linkage_type,
        link.weight,
        link.fallback_order,
        now_ms(),
        user,
    )
    try:
        connection.execute(
            "INSERT INTO gateway_link (id, endpoint, definition, linkage, weight, fallback_order, "
            "created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    except sqlite3.IntegrityError:
        raise AlreadyExists(
            f"Model definition {quoted(link.model_definition_id)} is already attached to "
            f"endpoint {quoted(endpoint_id)}."
        ) from None
    return mapping_id


def _endpoint(
    connection: sqlite3.Connection, endpoint_id: str | None, name: str | None = None
) -> StoredEndpoint:
    column, wanted = ("id", endpoint_id) if endpoint_id else ("name", name)
    row = connection.execute(
        f"SELECT {_ENDPOINT} WHERE {column} = ?",
        (wanted,),
    ).fetchone()
    if row is None:
        shown = "endpoint_id" if endpoint_id else "name"
        raise NotFound(f"GatewayEndpoint not found ({shown}={quoted(wanted or '')}).")
    return _complete(connection, row)


def _complete(connection: sqlite3.Connection, row: Sequence[Any]) -> StoredEndpoint:
    endpoint_id, name, routing, has_fallback, fallback, attempts, experiment, tracked, *rest = row
    options, created, updated, created_by, updated_by = rest
    links = connection.execute(
        f"SELECT {_LINK} WHERE endpoint = ? ORDER BY number",
        (endpoint_id,),
    ).fetchall()
    tags = connection.execute(
        "SELECT key, value FROM gateway_tag WHERE endpoint = ? ORDER BY key", (endpoint_id,)
    )
    strategy = FallbackStrategy(fallback) if fallback else None
    return StoredEndpoint(
        endpoint_id=endpoint_id,
        name=name,
        mappings=tuple(_mapped(connection, link) for link in links),
        tags=dict(tags.fetchall()),
        routing_strategy=Strategy(routing) if routing else None,
        fallback=Fallback(strategy=strategy, max_attempts=attempts) if has_fallback else None,
        experiment_id=experiment,
        usage_tracking=bool(tracked),
        options=json.loads(options),
        created_at=created,
        last_updated_at=updated,
        created_by=created_by,
        last_updated_by=updated_by,
    )


def _mapped(connection: sqlite3.Connection, row: Sequence[Any]) -> Mapped:
    mapping_id, endpoint_id, definition_id, linkage, weight, order, created, created_by = row
    return Mapped(
        mapping_id=mapping_id,
        endpoint_id=endpoint_id,
        model_definition_id=definition_id,
        linkage_type=Linkage(linkage),
        weight=weight,
        fallback_order=order,
        created_at=created,
        created_by=created_by,
        definition=definition(connection, definition_id),
    )


def _binding(row: Sequence[Any]) -> Binding:
    endpoint_id, kind, resource_id, display_name, *made = row
    return Binding(
        endpoint_id=endpoint_id,
        resource_type=kind,
        resource_id=resource_id,
        display_name=display_name,
        created_at=made[0],
        last_updated_at=made[1],
        created_by=made[2],
        last_updated_by=made[3],
    )


def _exists(name: str) -> AlreadyExists:
    return AlreadyExists(f"Endpoint with name '{name}' already exists.")
