"""The label schemas of the SQLite store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.errors import StoreReadOnly
from pegboard_stores import offsets, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.reviews import FreeText, Input, LabelSchema, LabelSchemas, LabelType, content
from pegboard_stores.reviews.contract import DEFAULT_PAGE
from pegboard_stores.sqlite import Database

from pegboard_tracking.tables import experiments

_COLUMNS = (
    "schema_id, experiment, name, type, input, instruction, enable_comment, created_by,"
    " created_time, last_update_time, is_default"
)
_INSERT = (
    f"INSERT INTO label_schema ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)
_BY_ID, _BY_NAME = "schema_id = ?", "experiment = ? AND name = ?"
_HAS_DEFAULT = "SELECT 1 FROM label_schema WHERE experiment = ? AND is_default"


class SqliteLabelSchemas(LabelSchemas):
    """Label schemas in the tables of a store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        experiment_id: str,
        name: str,
        *,
        type: LabelType,
        input: Input,
        instruction: str | None = None,
        enable_comment: bool = False,
        created_by: str | None = None,
    ) -> LabelSchema:
        """Add a question to an experiment."""
        made = _new(
            content.schema_name(name),
            type=type,
            input=content.checked_input(input),
            instruction=content.instruction(instruction),
            enable_comment=enable_comment,
            created_by=created_by,
        )
        with self._database.writing() as connection:
            home = experiments.get_active(connection, experiment_id).experiment_id
            if not _insert(connection, int(home), made):
                raise content.schema_taken(name)
            return _known(connection, _BY_ID, (made[0],))

    def get(self, schema_id: str) -> LabelSchema:
        """Return a question."""
        with self._database.reading() as connection:
            return _known(connection, _BY_ID, (schema_id,))

    def by_name(self, experiment_id: str, name: str) -> LabelSchema:
        """Return the question of this name."""
        with self._database.reading() as connection:
            home = experiments.get_active(connection, experiment_id).experiment_id
            return _known(connection, _BY_NAME, (int(home), name))

    def list(
        self, experiment_id: str, *, max_results: int = DEFAULT_PAGE, page_token: str | None = None
    ) -> Page[LabelSchema]:
        """Return the questions of an experiment, the last made first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        offset = offsets.decode(page_token)
        with self._database.reading() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            has_default = connection.execute(_HAS_DEFAULT, (home,)).fetchone()
        if not has_default:
            # One that only reads does without it.
            with contextlib.suppress(StoreReadOnly):
                self._add_default(home)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM label_schema WHERE experiment = ?"  # noqa: S608
                " ORDER BY created_time DESC, id DESC LIMIT ? OFFSET ?",
                (home, max_results + 1, offset),
            )
            return offsets.page([*map(_schema, rows)], max_results, offset)

    def _add_default(self, home: int) -> None:
        """Add the question that every experiment has; another may have done it by now."""
        made = _new(
            content.DEFAULT_NAME,
            type=LabelType.FEEDBACK,
            input=FreeText(),
            instruction=content.DEFAULT_INSTRUCTION,
            is_default=True,
        )
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM experiment WHERE id = ?", (home,)).fetchone():
                _insert(connection, home, made)

    def update(
        self,
        schema_id: str,
        *,
        name: str | None = None,
        instruction: str | None = None,
        enable_comment: bool | None = None,
        input: Input | None = None,
    ) -> LabelSchema:
        """Change what is not None."""
        with self._database.writing() as connection:
            known = _known(connection, _BY_ID, (schema_id,))
            content.check_change(known, input)
            changes: dict[str, Any] = {
                "name": name and content.schema_name(name),
                "instruction": content.instruction(instruction),
                "enable_comment": enable_comment if enable_comment is None else int(enable_comment),
                "input": input and json.dumps(content.input_json(content.checked_input(input))),
                "last_update_time": now_ms(),
            }
            if name == "":
                content.schema_name(name)
            given = {key: value for key, value in changes.items() if value is not None}
            try:
                connection.execute(
                    f"UPDATE label_schema SET {', '.join(f'{key} = ?' for key in given)}"  # noqa: S608
                    " WHERE schema_id = ?",
                    (*given.values(), schema_id),
                )
            except sqlite3.IntegrityError:
                raise content.schema_taken(name or "") from None
            return _known(connection, _BY_ID, (schema_id,))

    def delete(self, schema_id: str) -> None:
        """Remove a question, if it is there."""
        with self._database.writing() as connection:
            for known in _found(connection, _BY_ID, (schema_id,)):
                content.check_deletable(known)
                connection.execute("DELETE FROM label_schema WHERE schema_id = ?", (schema_id,))


def missing(connection: sqlite3.Connection, home: int, schema_ids: Sequence[str]) -> list[str]:
    """Return the ids that are none of the experiment's questions."""
    known = {each.schema_id for each in _found(connection, "experiment = ?", (home,))}
    return [each for each in schema_ids if each not in known]


def _new(name: str, *, input: Input, is_default: bool = False, **more: Any) -> tuple[Any, ...]:
    """Return the columns of a new question, without its experiment."""
    now = now_ms()
    return (
        f"ls-{uuid.uuid4().hex}",
        name,
        str(more["type"]),
        json.dumps(content.input_json(input)),
        more["instruction"],
        int(more.get("enable_comment", False)),
        more.get("created_by"),
        now,
        now,
        int(is_default),
    )


def _insert(connection: sqlite3.Connection, home: int, made: Sequence[Any]) -> bool:
    return connection.execute(_INSERT, (made[0], home, *made[1:])).rowcount == 1


def _found(
    connection: sqlite3.Connection, condition: str, values: Sequence[Any]
) -> Sequence[LabelSchema]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM label_schema WHERE {condition}",  # noqa: S608
        tuple(values),
    )
    return [*map(_schema, rows)]


def _known(connection: sqlite3.Connection, condition: str, values: Sequence[Any]) -> LabelSchema:
    for found in _found(connection, condition, values):
        return found
    raise content.no_schema(str(values[-1]))


def _schema(row: Sequence[Any]) -> LabelSchema:
    schema_id, home, name, kind, form, instruction, comment, by, created, updated, default = row
    return LabelSchema(
        schema_id=schema_id,
        experiment_id=str(home),
        name=name,
        type=LabelType(kind),
        input=content.read_input(json.loads(form)),
        instruction=instruction,
        enable_comment=bool(comment),
        created_by=by,
        created_time=created,
        last_update_time=updated,
        is_default=bool(default),
    )
