"""What model registries do alike: gates are asked, moves are taken back, approvals counted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from pegboard import paging
from pegboard.contracts.registry import (
    NOBODY,
    ModelRegistry,
    Promotion,
)
from pegboard.entities import Page
from pegboard.entities.registry import (
    ARCHIVED,
    Author,
    ChangeKind,
    ModelVersion,
    RegistryChange,
)
from pegboard.errors import NotFound

from pegboard_stores import prompt_traffic, refusals, validation
from pegboard_stores.prompt_tags import TRAFFIC


class BasicRegistry(ModelRegistry):
    """A registry that keeps models, versions and a history, and says here what follows from them.

    Methods with an underscore do the work once everything has been checked.
    """

    # -- aliases -------------------------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: str, *, by: Author = NOBODY) -> None:
        """Let an alias point at a version, from wherever it points now."""
        self._move_alias(name, validation.alias(alias, new=True), version, by, None)

    def rollback_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> ModelVersion:
        """Take the last move of an alias back, and return the version it points at now."""
        alias = validation.alias(alias)
        current = self.get_model(name).aliases.get(alias)
        undone: set[int] = set()

        def moves(page_token: str | None = None) -> Page[RegistryChange]:
            kinds = (ChangeKind.ALIAS,)
            return self.history(name, kinds=kinds, key=alias, page_token=page_token)

        for change in paging.items(moves):
            if change.undoes is not None:
                undone.update((change.number, change.undoes))
                continue
            if change.number in undone or change.before in (None, current):
                continue
            try:
                version = self.get_version(name, str(change.before))
            except NotFound:
                continue
            self._move_alias(name, alias, version.version, by, change.number)
            return self.get_version(name, version.version)
        raise refusals.nothing_to_roll_back(name, alias)

    def _move_alias(
        self, name: str, alias: str, version: str, by: Author, undoes: int | None
    ) -> None:
        if self.allow is not None:
            version = self.get_version(name, version).version
            current = self.get_model(name).aliases.get(alias)
            self.allow(Promotion(ChangeKind.ALIAS, name, version, alias, current, by))
        self._set_alias(name, alias, version, by, undoes)

    @abstractmethod
    def _set_alias(
        self, name: str, alias: str, version: str, by: Author, undoes: int | None
    ) -> None: ...

    # -- tags ----------------------------------------------------------------------------------

    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set or change a tag of a model.

        One that shares the callers of an alias between versions deploys these: gates are asked.
        """
        if self.allow is not None and str(key).startswith(TRAFFIC):
            alias = key.removeprefix(TRAFFIC)
            current = self.get_model(name).aliases.get(alias)
            for number in prompt_traffic.read({key: value}, alias):
                version = self.get_version(name, str(number)).version
                if version != current:
                    self.allow(Promotion(ChangeKind.ALIAS, name, version, alias, current, NOBODY))
        self._set_model_tag(name, key, value)

    @abstractmethod
    def _set_model_tag(self, name: str, key: str, value: str) -> None: ...

    # -- stages --------------------------------------------------------------------------------

    def transition_stage(
        self,
        name: str,
        version: str,
        stage: str,
        *,
        archive_existing: bool = False,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Move a version to a stage, written in small or capital letters."""
        stage = self.stage(stage)
        if archive_existing and (
            stage in (self.stages[0], ARCHIVED) or ARCHIVED not in self.stages
        ):
            raise refusals.cannot_archive(stage)
        if self.allow is not None and stage != self.stages[0]:
            found = self.get_version(name, version)
            self.allow(
                Promotion(ChangeKind.STAGE, name, found.version, stage, found.current_stage, by)
            )
        return self._transition_stage(name, version, stage, archive_existing, by)

    def stage(self, name: str) -> str:
        """Return a stage as it is written; InvalidValue if there is none of that name."""
        for stage in self.stages:
            if stage.lower() == str(name).lower():
                return stage
        raise refusals.no_stage(name, self.stages)

    @abstractmethod
    def _transition_stage(
        self, name: str, version: str, stage: str, archive_existing: bool, by: Author
    ) -> ModelVersion: ...

    # -- approvals -----------------------------------------------------------------------------

    def approve(
        self, name: str, version: str, key: str, *, withdraw: bool = False, by: Author = NOBODY
    ) -> None:
        """Record that somebody approves a version for an alias or a stage, or takes that back."""
        if not by.user:
            raise refusals.nobody_approves()
        stages = {stage.lower(): stage for stage in self.stages}
        key = stages.get(str(key).lower()) or validation.alias(key, new=True)
        self._approve(name, version, key, withdraw, by)

    @abstractmethod
    def _approve(self, name: str, version: str, key: str, withdraw: bool, by: Author) -> None: ...

    def approvals(self, name: str, version: str, key: str) -> Sequence[RegistryChange]:
        """Return the approvals of a version for an alias or a stage that count, the last first."""

        def given(page_token: str | None = None) -> Page[RegistryChange]:
            kinds = (ChangeKind.APPROVAL,)
            return self.history(name, kinds=kinds, version=version, key=key, page_token=page_token)

        last: dict[str | None, RegistryChange] = {}
        for change in paging.items(given):
            last.setdefault(change.user, change)
        return [change for change in last.values() if change.after is not None]
