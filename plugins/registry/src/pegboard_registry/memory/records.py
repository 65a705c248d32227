"""What the registry in memory keeps, and how it is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from attrs import define, evolve, field
from pegboard.entities.registry import (
    Author,
    ChangeKind,
    ModelVersion,
    RegisteredModel,
    RegistryChange,
)
from pegboard_stores import refusals, validation
from pegboard_stores.basic_registry import BasicRegistry
from pegboard_stores.clock import now_ms


@define
class Model:
    """A registered model: ``number`` is its own also when it has another name."""

    number: int
    entity: RegisteredModel
    versions: dict[int, ModelVersion] = field(factory=dict)
    places: dict[int, str] = field(factory=dict)
    aliases: dict[str, int] = field(factory=dict)


@define
class Memory:
    """What all registries of one name share."""

    models: dict[str, Model] = field(factory=dict)
    names: dict[int, str] = field(factory=dict)
    """The last name of every model there ever was."""
    counters: dict[str, int] = field(factory=dict)
    history: list[tuple[int, RegistryChange]] = field(factory=list)
    lock: AbstractContextManager[object] = field(factory=threading.RLock)


class MemoryBase(BasicRegistry):
    """What the methods work on."""

    def __init__(self, memory: Memory | None = None) -> None:
        """Use what registries of the same name share."""
        self._memory = memory or Memory()
        self._lock = self._memory.lock

    def _model(self, name: str) -> Model:
        name = validation.registered_name(name)
        if name not in self._memory.models:
            raise refusals.no_registered_model(name, now=self._name_now(name))
        return self._memory.models[name]

    def _name_now(self, name: str) -> str | None:
        for model, change in reversed(self._memory.history):
            now = self._memory.names[model]
            renamed = (change.kind, change.before) == (ChangeKind.NAME, name)
            if renamed and now in self._memory.models:
                return now
        return None

    def _find(self, name: str, version: str) -> tuple[Model, int]:
        model, number = self._model(name), validation.version_number(version)
        if number not in model.versions:
            raise refusals.no_version(name, str(version))
        return model, number

    @staticmethod
    def _version(model: Model, number: int) -> ModelVersion:
        found = model.versions[number]
        aliases = sorted(alias for alias, at in model.aliases.items() if at == number)
        return evolve(found, tags=dict(found.tags), aliases=tuple(aliases))

    def _drop_aliases(self, model: Model, by: Author, lost: Callable[[int], bool]) -> None:
        for alias, at in sorted(model.aliases.items()):
            if lost(at):
                del model.aliases[alias]
                self._log(model, by, ChangeKind.ALIAS, at, None, version=at, key=alias)

    def _log(
        self,
        model: Model,
        by: Author,
        kind: ChangeKind,
        before: object,
        after: object,
        *,
        version: int | None = None,
        key: str = "",
        undoes: int | None = None,
    ) -> None:
        change = RegistryChange(
            number=len(self._memory.history) + 1,
            timestamp=now_ms(),
            name=model.entity.name,
            kind=kind,
            version=None if version is None else str(version),
            key=key,
            before=None if before is None else str(before),
            after=None if after is None else str(after),
            user=by.user,
            reason=validation.registry_text(by.reason, "reason"),
            undoes=undoes,
        )
        self._memory.history.append((model.number, change))


def without(tags: Mapping[str, str], key: str) -> dict[str, str]:
    """Return tags without that of a key."""
    return {name: value for name, value in tags.items() if name != key}
