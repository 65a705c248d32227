"""Guardrails that were made through MLflow's API, and the endpoints that they guard.

One is a judge (a copy of a version of a scorer), a stage and an action. On an endpoint it works as
a judge does that the configuration names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from attrs import frozen
from pegboard.entities import Page
from pegboard.errors import AlreadyExists, InvalidValue, NotFound, quoted
from pegboard_stores import offsets
from pegboard_stores.clock import now_ms
from pegboard_stores.scorers import ScorerVersion
from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog.credentials import checked_name, new_id, touch
from pegboard_gateway.catalog.judges import judge_of
from pegboard_gateway.settings import Guardrail

_COLUMNS = (
    "g.id, g.name, g.stage, g.action, e.name, g.created, g.created_by, "
    "g.scorer, g.version, g.experiment, g.scorer_name, g.serialized, g.scorer_created "
    "FROM gateway_guard g LEFT JOIN gateway_endpoint e ON e.id = g.action_endpoint"
)
_CONFIG = "endpoint, guardrail, place, created, created_by FROM gateway_guard_config"


class Stage(StrEnum):
    """When a guardrail works."""

    BEFORE = "BEFORE"
    AFTER = "AFTER"


class Action(StrEnum):
    """What happens to a text that breaks the rule."""

    VALIDATION = "VALIDATION"
    """It is refused."""
    SANITIZATION = "SANITIZATION"
    """It is rewritten."""


@frozen(kw_only=True)
class Made:
    """A guardrail."""

    guardrail_id: str
    name: str
    scorer: ScorerVersion
    stage: Stage
    action: Action
    action_endpoint: str | None
    """The name of the endpoint that rewrites."""
    created_at: int
    created_by: str | None

    def table(self) -> Guardrail:
        """Return it as the settings have it; InvalidValue if its scorer is not a judge of ours."""
        endpoint, rule = judge_of(self.scorer)
        rewrites = self.action is Action.SANITIZATION
        if rewrites and self.action_endpoint:
            endpoint = self.action_endpoint
        return Guardrail(
            "judge",
            self.stage.value.lower(),
            "rewrite" if rewrites else "block",
            {"endpoint": endpoint, "rule": rule},
        )


@frozen(kw_only=True)
class Place:
    """A guardrail on an endpoint."""

    endpoint_id: str
    guardrail: Made
    order: int | None
    """Lower ones work first, those without a number last."""
    created_at: int
    created_by: str | None


class Guardrails:
    """The guardrails of a database."""

    def __init__(self, database: Database) -> None:
        """Use tables that are up to date."""
        self._database = database

    def create(
        self,
        name: str,
        scorer: ScorerVersion,
        stage: Stage,
        action: Action,
        *,
        action_endpoint: str | None = None,
        user: str | None = None,
    ) -> Made:
        """Make a guardrail of a version of a scorer; NotFound for the endpoint, InvalidValue."""
        guardrail_id = new_id("gr")
        checked_name(name, "a guardrail")
        with self._database.writing() as connection:
            if action_endpoint:
                _check_endpoint(connection, action_endpoint)
            connection.execute(
                "INSERT INTO gateway_guard (id, name, stage, action, action_endpoint, created, "
                "created_by, scorer, version, experiment, scorer_name, serialized, scorer_created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    guardrail_id,
                    name,
                    stage,
                    action,
                    action_endpoint,
                    now_ms(),
                    user,
                    scorer.scorer_id,
                    scorer.version,
                    scorer.experiment_id,
                    scorer.name,
                    scorer.serialized,
                    scorer.created_time,
                ),
            )
            return _guardrail(connection, guardrail_id)

    def get(self, guardrail_id: str) -> Made:
        """Return a guardrail; NotFound."""
        with self._database.reading() as connection:
            return _guardrail(connection, guardrail_id)

    def page(self, max_results: int, page_token: str | None) -> Page[Made]:
        """Return a page of the guardrails, by id."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} ORDER BY g.id").fetchall()
        return offsets.cut([*map(_of_row, rows)], max_results, page_token)

    def delete(self, guardrail_id: str) -> None:
        """Delete a guardrail, and take it from all endpoints; NotFound."""
        with self._database.writing() as connection:
            _guardrail(connection, guardrail_id)
            connection.execute("DELETE FROM gateway_guard WHERE id = ?", (guardrail_id,))
            touch(connection)

    # -- on endpoints --------------------------------------------------------------------------

    def add(
        self, endpoint_id: str, guardrail_id: str, order: int | None, user: str | None = None
    ) -> Place:
        """Let a guardrail guard an endpoint; NotFound, AlreadyExists, InvalidValue if it cannot."""
        with self._database.writing() as connection:
            name = _check_endpoint(connection, endpoint_id)
            made = _guardrail(connection, guardrail_id)
            if made.table().options["endpoint"] == name:
                raise InvalidValue(
                    f"The guardrail {quoted(made.name)} would ask the endpoint that it guards.",
                    hint="Let its judge ask another endpoint.",
                )
            try:
                connection.execute(
                    "INSERT INTO gateway_guard_config VALUES (?, ?, ?, ?, ?)",
                    (endpoint_id, guardrail_id, order, now_ms(), user),
                )
            except sqlite3.IntegrityError:
                raise AlreadyExists(
                    f"Guardrail '{guardrail_id}' is already added to endpoint '{endpoint_id}'"
                ) from None
            touch(connection)
            return _place(connection, endpoint_id, guardrail_id)

    def move(self, endpoint_id: str, guardrail_id: str, order: int | None) -> Place:
        """Give a guardrail of an endpoint another place; NotFound."""
        with self._database.writing() as connection:
            _place(connection, endpoint_id, guardrail_id)
            connection.execute(
                "UPDATE gateway_guard_config SET place = ? WHERE endpoint = ? AND guardrail = ?",
                (order, endpoint_id, guardrail_id),
            )
            touch(connection)
            return _place(connection, endpoint_id, guardrail_id)

    def remove(self, endpoint_id: str, guardrail_id: str) -> None:
        """Let a guardrail guard an endpoint no more; NotFound."""
        with self._database.writing() as connection:
            _place(connection, endpoint_id, guardrail_id)
            connection.execute(
                "DELETE FROM gateway_guard_config WHERE endpoint = ? AND guardrail = ?",
                (endpoint_id, guardrail_id),
            )
            touch(connection)

    def of_endpoint(self, endpoint_id: str) -> Sequence[Place]:
        """Return what guards an endpoint, in the order of work; NotFound."""
        with self._database.reading() as connection:
            _check_endpoint(connection, endpoint_id)
            rows = connection.execute(
                f"SELECT {_CONFIG} WHERE endpoint = ? ORDER BY place IS NULL, place, guardrail",
                (endpoint_id,),
            ).fetchall()
            return [_place_of(connection, row) for row in rows]


def _check_endpoint(connection: sqlite3.Connection, endpoint_id: str) -> str:
    """Return the name of an endpoint; NotFound."""
    known = "SELECT name FROM gateway_endpoint WHERE id = ?"
    row = connection.execute(known, (endpoint_id,)).fetchone()
    if row is None:
        raise NotFound(f"Endpoint not found (endpoint_id={quoted(endpoint_id)}).")
    return str(row[0])


def _guardrail(connection: sqlite3.Connection, guardrail_id: str) -> Made:
    row = connection.execute(
        f"SELECT {_COLUMNS} WHERE g.id = ?",
        (guardrail_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"Guardrail not found (guardrail_id={quoted(guardrail_id)}).")
    return _of_row(row)


def _of_row(row: Sequence[Any]) -> Made:
    guardrail_id, name, stage, action, endpoint, created, user, *judge = row
    scorer, version, experiment, scorer_name, serialized, scorer_created = judge
    return Made(
        guardrail_id=guardrail_id,
        name=name,
        scorer=ScorerVersion(
            scorer_id=scorer,
            experiment_id=experiment,
            name=scorer_name,
            version=version,
            serialized=serialized,
            created_time=scorer_created,
        ),
        stage=Stage(stage),
        action=Action(action),
        action_endpoint=endpoint,
        created_at=created,
        created_by=user,
    )


def _place(connection: sqlite3.Connection, endpoint_id: str, guardrail_id: str) -> Place:
    row = connection.execute(
        f"SELECT {_CONFIG} WHERE endpoint = ? AND guardrail = ?",
        (endpoint_id, guardrail_id),
    ).fetchone()
    if row is None:
        raise NotFound(
            f"GuardrailConfig not found (endpoint_id={quoted(endpoint_id)}, "
            f"guardrail_id={quoted(guardrail_id)})."
        )
    return _place_of(connection, row)


def _place_of(connection: sqlite3.Connection, row: Sequence[Any]) -> Place:
    endpoint_id, guardrail_id, order, created, user = row
    return Place(
        endpoint_id=endpoint_id,
        guardrail=_guardrail(connection, guardrail_id),
        order=order,
        created_at=created,
        created_by=user,
    )
