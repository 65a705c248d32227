"""Searching the registry that is kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from attrs import frozen
from pegboard.entities.registry import ModelVersion, RegisteredModel
from pegboard_stores import filters

from pegboard_registry import prompts


@frozen
class Searchable:
    """An entity under the names that filters use."""

    entity: Any
    tags: Mapping[str, str]
    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    version_number: int = 0
    run_id: str | None = None
    model_id: str | None = None
    source_path: str = ""

    @classmethod
    def of_model(cls, model: RegisteredModel) -> Searchable:
        """Return a registered model as filters see it."""
        return cls(
            model,
            model.tags,
            model.name,
            model.creation_timestamp,
            model.last_updated_timestamp,
        )

    @classmethod
    def of_version(cls, version: ModelVersion) -> Searchable:
        """Return a version as filters see it."""
        return cls(
            version,
            version.tags,
            version.name,
            version.creation_timestamp,
            version.last_updated_timestamp,
            int(version.version),
            version.run_id,
            version.model_id,
            version.source,
        )


def search(
    known: Iterable[Searchable],
    schema: filters.SearchSchema,
    filter: str,
    order_by: Sequence[str],
    default: str,
) -> list[Searchable]:
    """Return the records that match, in order; ``default`` is the order if none is given."""
    expr = prompts.apart(filters.parse_filter(filter, schema))
    order = filters.parse_order_by(order_by or (default,), schema)
    found = filters.select(expr, known)
    # The last sort counts most, and each keeps the order of equals.
    found.sort(key=lambda each: -each.version_number)
    found.sort(key=lambda each: each.name)
    for by in reversed(order):
        found.sort(key=attrgetter(by.field.key), reverse=not by.ascending)
    return found
