"""Scorers that were registered through MLflow's API: the judges that guardrails ask.

They are kept as they came and never run here. A judge says in words what is to hold, and which
endpoint it asks; that is what a guardrail takes from it.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidState, InvalidValue, NotFound, quoted
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_gateway.catalog.credentials import checked_name

LONGEST = 1 << 20
"""Characters of a scorer."""
_COLUMNS = (
    "s.id, s.experiment, s.name, v.version, v.serialized, v.created "
    "FROM gateway_scorer s JOIN gateway_scorer_version v ON v.scorer = s.id"
)
_LATEST = (
    "WHERE s.experiment IN (SELECT value FROM json_each(?)) AND v.version = "
    "(SELECT max(version) FROM gateway_scorer_version WHERE scorer = s.id) ORDER BY s.name"
)
_START = "gateway:/"


@frozen(kw_only=True)
class Scorer:
    """One version of a scorer."""

    scorer_id: str
    experiment_id: str
    name: str
    version: int
    serialized: str
    created_at: int

    def judge(self) -> tuple[str, str]:
        """Return the endpoint that it asks, and what is to hold; InvalidValue if it is no judge."""
        data = json.loads(self.serialized)
        judge = data.get("instructions_judge_pydantic_data")
        judge = judge or data.get("builtin_scorer_pydantic_data") or {}
        model, guidelines = judge.get("model"), judge.get("guidelines")
        rule = guidelines or judge.get("instructions")
        if isinstance(rule, list):
            rule = "\n".join(map(str, rule))
        if not isinstance(rule, str) or not rule:
            raise InvalidValue(
                f"The scorer {quoted(self.name)} says in no words what is to hold.",
                hint="Use a judge made with make_judge, Guidelines or Safety.",
            )
        if not isinstance(model, str) or not model.startswith(_START):
            raise InvalidValue(
                f"The scorer {quoted(self.name)} asks {quoted(str(model))}, which is not an "
                "endpoint of this gateway.",
                hint='Its model is to be "gateway:/NAME".',
            )
        for field in ("inputs", "outputs"):
            for form in (f"{{{{ {field} }}}}", f"{{{{{field}}}}}"):
                rule = rule.replace(form, "the text")
        return model.removeprefix(_START).lstrip("/"), rule


class Scorers:
    """The scorers of a database."""

    def __init__(self, database: Database) -> None:
        """Use tables that are up to date."""
        self._database = database

    def register(self, experiment_id: str, name: str, serialized: str) -> Scorer:
        """Add a version of a scorer; InvalidValue for what is none."""
        checked_name(name, "a scorer")
        if _has_code(_data(serialized)):
            raise InvalidValue(
                "Custom scorers, made with the decorator @scorer, are not registered here: they "
                "are code that would have to be run.",
                hint="Use a built-in scorer, or a judge made with make_judge.",
            )
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO gateway_scorer (id, experiment, name) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (str(uuid.uuid4()), experiment_id, name),
            )
            scorer_id = _id(connection, experiment_id, name)
            last = "SELECT coalesce(max(version), 0) FROM gateway_scorer_version WHERE scorer = ?"
            (number,) = connection.execute(last, (scorer_id,)).fetchone()
            connection.execute(
                "INSERT INTO gateway_scorer_version VALUES (?, ?, ?, ?)",
                (scorer_id, number + 1, serialized, now_ms()),
            )
            return version_of(connection, scorer_id, number + 1)

    def latest(self, experiment_ids: Sequence[str]) -> Sequence[Scorer]:
        """Return the latest version of each scorer of some experiments, by experiment and name."""
        with self._database.reading() as connection:
            found = [
                _of_row(row)
                for row in connection.execute(
                    f"SELECT {_COLUMNS} {_LATEST}",
                    (json.dumps(list(experiment_ids)),),
                )
            ]
        places = {each: place for place, each in enumerate(experiment_ids)}
        return sorted(found, key=lambda each: places[each.experiment_id])

    def versions(self, experiment_id: str, name: str) -> Sequence[Scorer]:
        """Return all versions of a scorer, the first first; NotFound."""
        with self._database.reading() as connection:
            scorer_id = _id(connection, experiment_id, name)
            rows = connection.execute(
                f"SELECT {_COLUMNS} WHERE s.id = ? ORDER BY v.version",
                (scorer_id,),
            )
            return [_of_row(row) for row in rows]

    def get(self, experiment_id: str, name: str, version: int | None = None) -> Scorer:
        """Return a version of a scorer, by default the latest; NotFound."""
        every = self.versions(experiment_id, name)
        for each in every[-1:] if version is None else every:
            if version in (None, each.version):
                return each
        raise _no_version(name, version, experiment_id)

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, or all; NotFound, InvalidState if a guardrail uses it."""
        with self._database.writing() as connection:
            scorer_id = _id(connection, experiment_id, name)
            try:
                done = connection.execute(
                    "DELETE FROM gateway_scorer_version WHERE scorer = ?1 "
                    "AND (?2 IS NULL OR version = ?2)",
                    (scorer_id, version),
                )
            except sqlite3.IntegrityError:
                raise InvalidState(
                    f"Scorer {quoted(name)} is in use by a guardrail of the gateway.",
                    hint="Delete the guardrail first.",
                ) from None
            if not done.rowcount:
                raise _no_version(name, version, experiment_id)
            connection.execute(
                "DELETE FROM gateway_scorer WHERE id = ?1 AND NOT EXISTS "
                "(SELECT 1 FROM gateway_scorer_version WHERE scorer = ?1)",
                (scorer_id,),
            )


def version_of(connection: sqlite3.Connection, scorer_id: str, version: int) -> Scorer:
    """Return a version of a scorer by its id; NotFound."""
    row = connection.execute(
        f"SELECT {_COLUMNS} WHERE s.id = ? AND v.version = ?",
        (scorer_id, version),
    ).fetchone()
    if row is None:
        raise NotFound(
            f"Scorer version not found (scorer_id={quoted(scorer_id)}, version={version})."
        )
    return _of_row(row)


def _has_code(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_code, value))
    if isinstance(value, dict):
        return bool(value.get("call_source")) or any(map(_has_code, value.values()))
    return False


def _data(serialized: str) -> Mapping[str, Any]:
    """Return what a serialized scorer holds; InvalidValue."""
    try:
        found = json.loads(serialized) if len(serialized) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidValue(
            "serialized_scorer is not the JSON of a scorer.",
            hint=f"It is an object of up to {LONGEST:,} characters.",
        )
    return found


def _id(connection: sqlite3.Connection, experiment_id: str, name: str) -> str:
    row = connection.execute(
        "SELECT id FROM gateway_scorer WHERE experiment = ? AND name = ?", (experiment_id, name)
    ).fetchone()
    if row is None:
        raise NotFound(f"Scorer with name {quoted(name)} not found for experiment {experiment_id}.")
    return str(row[0])


def _no_version(name: str, version: int | None, experiment_id: str) -> NotFound:
    return NotFound(
        f"Scorer with name {quoted(name)} and version {version} not found for experiment "
        f"{experiment_id}."
    )


def _of_row(row: Sequence[Any]) -> Scorer:
    scorer_id, experiment, name, version, serialized, created = row
    return Scorer(
        scorer_id=scorer_id,
        experiment_id=experiment,
        name=name,
        version=version,
        serialized=serialized,
        created_at=created,
    )
