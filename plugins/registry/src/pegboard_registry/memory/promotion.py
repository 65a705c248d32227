"""Aliases, stages, approvals and the history of the registry in memory."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from pegboard.contracts.registry import (
    HISTORY_LIMIT,
    HISTORY_PAGE,
    NOBODY,
)
from pegboard.entities import Page
from pegboard.entities.registry import (
    APPROVED,
    ARCHIVED,
    Author,
    ChangeKind,
    ModelVersion,
    RegistryChange,
)
from pegboard_scripting.model_uris import LATEST
from pegboard_stores import offsets, refusals, validation
from pegboard_stores.clock import now_ms

from pegboard_registry.memory.records import MemoryBase


class MemoryPromotion(MemoryBase):
    """Aliases, stages, approvals and the history of the registry in memory."""

    def _set_alias(
        self, name: str, alias: str, version: str, by: Author, undoes: int | None
    ) -> None:
        with self._lock:
            model, number = self._find(name, version)
            before = model.aliases.get(alias)
            if before == number:
                return
            model.aliases[alias] = number
            self._log(
                model,
                by,
                ChangeKind.ALIAS,
                before,
                number,
                version=number,
                key=alias,
                undoes=undoes,
            )

    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""
        alias = validation.alias(alias)
        with self._lock:
            model = self._model(name)
            before = model.aliases.pop(alias, None)
            if before is not None:
                self._log(model, by, ChangeKind.ALIAS, before, None, version=before, key=alias)

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; ``latest`` stands for the newest version."""
        alias = validation.alias(alias)
        with self._lock:
            model = self._model(name)
            if alias.lower() == LATEST:
                if not model.versions:
                    raise refusals.no_versions(name)
                return self._version(model, max(model.versions))
            if alias not in model.aliases:
                raise refusals.no_alias(name, alias)
            return self._version(model, model.aliases[alias])

    def _transition_stage(
        self, name: str, version: str, stage: str, archive_existing: bool, by: Author
    ) -> ModelVersion:
        with self._lock:
            model, number = self._find(name, version)
            moves = [(number, stage)]
            if archive_existing:
                moves += [
                    (other, ARCHIVED)
                    for other, found in sorted(model.versions.items())
                    if found.current_stage == stage and other != number
                ]
            now = now_ms()
            for moved, target in moves:
                before = model.versions[moved]
                model.versions[moved] = evolve(
                    before, current_stage=target, last_updated_timestamp=now
                )
                if before.current_stage != target:
                    stages = before.current_stage, target
                    self._log(model, by, ChangeKind.STAGE, *stages, version=moved)
            model.entity = evolve(model.entity, last_updated_timestamp=now)
            return self._version(model, number)

    def _approve(self, name: str, version: str, key: str, withdraw: bool, by: Author) -> None:
        with self._lock:
            model, number = self._find(name, version)
            before = next(
                (
                    change.after
                    for owner, change in reversed(self._memory.history)
                    if owner == model.number
                    and change.kind is ChangeKind.APPROVAL
                    and (change.version, change.key, change.user) == (str(number), key, by.user)
                ),
                None,
            )
            after = None if withdraw else APPROVED
            if before != after:
                self._log(model, by, ChangeKind.APPROVAL, before, after, version=number, key=key)

    def history(
        self,
        name: str,
        *,
        kinds: Sequence[ChangeKind] = (),
        version: str | None = None,
        key: str | None = None,
        max_results: int = HISTORY_PAGE,
        page_token: str | None = None,
    ) -> Page[RegistryChange]:
        """Return the changes of a model, the last first."""
        validation.page_size(max_results, HISTORY_LIMIT)
        name = validation.registered_name(name)
        number = None if version is None else str(validation.version_number(version))
        with self._lock:
            models = {each for each, last in self._memory.names.items() if last == name}
            if not models:
                raise refusals.no_registered_model(name, now=self._name_now(name))
            found = [
                change
                for model, change in reversed(self._memory.history)
                if model in models
                and (not kinds or change.kind in kinds)
                and number in (None, change.version)
                and key in (None, change.key)
            ]
        below = offsets.decode(page_token)
        rest = [change for change in found if not below or change.number < below]
        more = len(rest) > max_results
        token = offsets.encode(rest[max_results - 1].number) if more else None
        return Page(rest[:max_results], token)
