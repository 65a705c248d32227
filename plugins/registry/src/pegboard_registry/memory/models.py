"""Registered models of the registry in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve
from pegboard.contracts.registry import (
    MODELS_LIMIT,
    MODELS_PAGE,
    NOBODY,
)
from pegboard.entities import Page
from pegboard.entities.registry import (
    Author,
    ChangeKind,
    ModelVersion,
    RegisteredModel,
)
from pegboard_stores import filters, offsets, prompt_traffic, refusals, validation
from pegboard_stores.clock import now_ms

from pegboard_registry.memory.records import MemoryBase, Model, without
from pegboard_registry.memory.search import Searchable, search
from pegboard_registry.store.rows import description_text


class MemoryModels(MemoryBase):
    """Registered models of the registry in memory."""

    def create_model(
        self, name: str, *, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> RegisteredModel:
        """Create a registered model; AlreadyExists if the name is taken."""
        name = validation.registered_name(name, new=True)
        checked = validation.registry_tags(tags or {})
        prompt_traffic.refuse_for_new(checked)
        text = description_text(description)
        now = now_ms()
        with self._lock:
            if name in self._memory.models:
                raise refusals.registered_name_taken(name)
            number = len(self._memory.names)
            self._memory.names[number] = name
            entity = RegisteredModel(name, now, now, text, checked)
            self._memory.models[name] = Model(number, entity)
            return self.get_model(name)

    def get_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""
        with self._lock:
            model = self._model(name)
            return evolve(
                model.entity,
                tags=dict(model.entity.tags),
                aliases={alias: str(model.aliases[alias]) for alias in sorted(model.aliases)},
                latest_versions=tuple(self.latest_versions(name)),
            )

    def rename_model(self, name: str, new_name: str, *, by: Author = NOBODY) -> RegisteredModel:
        """Give a model, with all its versions and its history, another name."""
        new_name = validation.registered_name(new_name, new=True)
        with self._lock:
            model = self._model(name)
            if new_name != name:
                if new_name in self._memory.models:
                    raise refusals.registered_name_taken(new_name)
                counters = self._memory.counters
                counters[new_name] = max(counters.get(name, 0), counters.get(new_name, 0))
                self._memory.models[new_name] = self._memory.models.pop(name)
                self._memory.names[model.number] = new_name
            now = now_ms()
            model.entity = evolve(model.entity, name=new_name, last_updated_timestamp=now)
            for number, version in model.versions.items():
                model.versions[number] = evolve(version, name=new_name, last_updated_timestamp=now)
            if new_name != name:
                self._log(model, by, ChangeKind.NAME, name, new_name)
            return self.get_model(new_name)

    def update_model(self, name: str, description: str) -> RegisteredModel:
        """Set the description."""
        text = description_text(description)
        with self._lock:
            model = self._model(name)
            model.entity = evolve(model.entity, description=text, last_updated_timestamp=now_ms())
            return self.get_model(name)

    def delete_model(self, name: str, *, by: Author = NOBODY) -> None:
        """Remove a model and all its versions; its history is kept."""
        with self._lock:
            model = self._model(name)
            self._drop_aliases(model, by, lambda _: True)
            for number in sorted(model.versions):
                source = model.versions[number].source
                self._log(model, by, ChangeKind.VERSION, source, None, version=number)
            self._log(model, by, ChangeKind.NAME, name, None)
            del self._memory.models[name]

    def search_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = MODELS_PAGE,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return models that match; by default ordered by name."""
        validation.page_size(max_results, MODELS_LIMIT)
        with self._lock:
            known = [Searchable.of_model(self.get_model(name)) for name in self._memory.models]
        found = search(known, filters.REGISTERED_MODELS, filter, order_by, "name")
        return offsets.cut((each.entity for each in found), max_results, page_token)

    def _set_model_tag(self, name: str, key: str, value: str) -> None:
        checked = validation.registry_tags({key: value})
        with self._lock:
            model = self._model(name)
            model.entity = evolve(model.entity, tags={**model.entity.tags, **checked})

    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model, if it is there."""
        key = validation.key(key, "tag")
        with self._lock:
            model = self._model(name)
            model.entity = evolve(model.entity, tags=without(model.entity.tags, key))

    def latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> Sequence[ModelVersion]:
        """Return the newest version in each of these stages, or in every stage."""
        wanted = {self.stage(stage) for stage in stages or ()}
        with self._lock:
            model = self._model(name)
            newest = {model.versions[n].current_stage: n for n in sorted(model.versions)}
            return [
                self._version(model, number)
                for number in sorted(newest.values())
                if not wanted or model.versions[number].current_stage in wanted
            ]
