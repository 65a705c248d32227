"""Versions of the registry in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve
from pegboard.contracts.registry import (
    NOBODY,
    VERSIONS_LIMIT,
    VERSIONS_PAGE,
)
from pegboard.entities import Page
from pegboard.entities.registry import (
    Author,
    ChangeKind,
    ModelVersion,
)
from pegboard_stores import filters, offsets, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.validation import MAX_SOURCE

from pegboard_registry.memory.records import MemoryBase, without
from pegboard_registry.memory.search import Searchable, search
from pegboard_registry.store.rows import description_text


class MemoryVersions(MemoryBase):
    """Versions of the registry in memory."""

    def create_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
        storage_location: str | None = None,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Add the next version to a model."""
        source = validation.registry_text(source, "source", MAX_SOURCE)
        checked = validation.registry_tags(tags or {})
        text = description_text(description)
        with self._lock:
            model = self._model(name)
            now = now_ms()
            number = self._memory.counters.get(name, 0) + 1
            self._memory.counters[name] = number
            model.versions[number] = ModelVersion(
                name=name,
                version=str(number),
                creation_timestamp=now,
                last_updated_timestamp=now,
                source=source,
                description=text,
                user_id=by.user,
                current_stage=self.stages[0],
                run_id=run_id or None,
                run_link=run_link or None,
                model_id=model_id or None,
                tags=checked,
            )
            model.places[number] = storage_location or source
            model.entity = evolve(model.entity, last_updated_timestamp=now)
            self._log(model, by, ChangeKind.VERSION, None, source, version=number)
            return self._version(model, number)

    def get_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        with self._lock:
            return self._version(*self._find(name, version))

    def update_version(self, name: str, version: str, description: str) -> ModelVersion:
        """Set the description."""
        text = description_text(description)
        with self._lock:
            model, number = self._find(name, version)
            model.versions[number] = evolve(
                model.versions[number], description=text, last_updated_timestamp=now_ms()
            )
            return self._version(model, number)

    def delete_version(self, name: str, version: str, *, by: Author = NOBODY) -> None:
        """Remove a version, and the aliases that point at it."""
        with self._lock:
            model, number = self._find(name, version)
            self._drop_aliases(model, by, lambda at: at == number)
            source = model.versions.pop(number).source
            self._log(model, by, ChangeKind.VERSION, source, None, version=number)
            model.entity = evolve(model.entity, last_updated_timestamp=now_ms())

    def search_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = VERSIONS_PAGE,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return versions that match; by default the last updated first."""
        validation.page_size(max_results, VERSIONS_LIMIT)
        with self._lock:
            known = [
                Searchable.of_version(self._version(model, number))
                for model in self._memory.models.values()
                for number in model.versions
            ]
        default = "last_updated_timestamp DESC"
        found = search(known, filters.MODEL_VERSIONS, filter, order_by, default)
        return offsets.cut((each.entity for each in found), max_results, page_token)

    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set or change a tag of a version."""
        checked = validation.registry_tags({key: value})
        with self._lock:
            model, number = self._find(name, version)
            before = model.versions[number]
            model.versions[number] = evolve(before, tags={**before.tags, **checked})

    def delete_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version, if it is there."""
        key = validation.key(key, "tag")
        with self._lock:
            model, number = self._find(name, version)
            before = model.versions[number]
            model.versions[number] = evolve(before, tags=without(before.tags, key))

    def download_uri(self, name: str, version: str) -> str:
        """Return the URI of the files of a version."""
        with self._lock:
            model, number = self._find(name, version)
            return model.places[number]
