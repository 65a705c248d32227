"""The contract of model registries: where named, versioned models are kept."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from attrs import frozen

from pegboard import paging, refusals, validation
from pegboard.contracts.ability import Able
from pegboard.entities import Page
from pegboard.entities.registry import (
    ARCHIVED,
    STAGES,
    Author,
    ChangeKind,
    ModelVersion,
    RegisteredModel,
    RegistryChange,
)
from pegboard.errors import NotFound

MODELS_PAGE = 100
"""How many registered models a search returns by default."""

VERSIONS_PAGE = 10_000
"""How many versions a search returns by default."""

MODELS_LIMIT = 1000
"""The largest page a search for registered models may be asked for."""

VERSIONS_LIMIT = 200_000
"""The largest page a search for versions may be asked for."""

HISTORY_PAGE = 100
"""How many changes the history returns by default."""

HISTORY_LIMIT = 10_000
"""The largest page of the history that may be asked for."""

_COPY = re.compile("models:/[^/]+/")
"""What the source of a version begins with that is a copy of another."""

NEEDED_BY = 10
"""How many of the versions are named that need the files of a run or logged model."""

NOBODY = Author()


@frozen
class Promotion:
    """A change that gates are asked about: an alias or a stage is to be given to a version.

    ``kind`` is ALIAS or STAGE and ``key`` the alias, or the stage; ``current`` is the version that
    an alias leaves, or the stage that the version leaves.
    """

    kind: ChangeKind
    name: str
    version: str
    key: str
    current: str | None
    author: Author


@frozen
class Verdict:
    """What a gate says: whether it lets a promotion pass, and why or why not."""

    passed: bool
    explanation: str = ""


@frozen
class FilesOwner:
    """A run or a logged model, and the URIs of the directory with its files, without a query."""

    id: str
    uris: Sequence[str]


class ModelRegistry(Able, ABC):
    """Registered models and their versions.

    Names and keys obey the limits in ``pegboard.validation``; registries call it, callers need not.
    Unknown models, versions and aliases raise NotFound. Entities are values. Every method may be
    called from any thread, and several processes may change a registry at once: a version number
    is given once, also after the version or the model was deleted, and no change is lost.

    Whatever creates or deletes a version, moves an alias or a version, or approves, appends to the
    history in the same transaction. Setting what is set already changes nothing and appends
    nothing.

    Models and versions with the tag ``mlflow.prompt.is_prompt`` = 'true' are prompts: searches
    leave them out unless the filter asks for that tag, which counts as 'false' where it is missing.
    """

    stages: Sequence[str] = STAGES
    """The stages there are; the first is that of a new version."""

    allow: Callable[[Promotion], None] | None = None
    """Asked before a promotion; raises Refused to prevent it. Set from the configured gates."""

    uri: str = ""
    """The URI that the host opened it with."""

    # -- registered models ---------------------------------------------------------------------

    @abstractmethod
    def create_model(
        self, name: str, *, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> RegisteredModel:
        """Create a registered model; AlreadyExists if the name is taken."""

    @abstractmethod
    def get_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""

    @abstractmethod
    def rename_model(self, name: str, new_name: str, *, by: Author = NOBODY) -> RegisteredModel:
        """Give a model, with all its versions and its history, another name."""

    @abstractmethod
    def update_model(self, name: str, description: str) -> RegisteredModel:
        """Set the description."""

    @abstractmethod
    def delete_model(self, name: str, *, by: Author = NOBODY) -> None:
        """Remove a model and all its versions. Its history is kept, and a new one goes on in it."""

    @abstractmethod
    def search_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = MODELS_PAGE,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return models that match (``name``, ``tags.KEY``); by default ordered by name.

        ``order_by`` knows ``name``, ``timestamp`` and ``last_updated_timestamp`` (the same), and
        ``creation_timestamp``; equals are ordered by name.
        """

    @abstractmethod
    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set or change a tag of a model."""

    @abstractmethod
    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model, if it is there."""

    @abstractmethod
    def latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> Sequence[ModelVersion]:
        """Return the newest version in each of these stages, or in every stage, the oldest first.

        InvalidValue for a stage that there is not.
        """

    # -- versions ------------------------------------------------------------------------------

    @abstractmethod
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
        """Add the next version to a model.

        ``storage_location`` is where the files are, if that is not what ``source`` names (a copy
        of another version keeps its files); see ``NamedFiles`` in ``pegboard_scripting.resolver``.
        """

    @abstractmethod
    def get_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""

    @abstractmethod
    def update_version(self, name: str, version: str, description: str) -> ModelVersion:
        """Set the description."""

    @abstractmethod
    def delete_version(self, name: str, version: str, *, by: Author = NOBODY) -> None:
        """Remove a version, and the aliases that point at it."""

    @abstractmethod
    def search_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = VERSIONS_PAGE,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return versions that match; by default the last updated first.

        Filters know ``name``, ``version_number``, ``run_id`` (also with IN), ``source_path``,
        ``model_id`` and ``tags.KEY``; ``order_by`` knows ``name``, ``version_number``,
        ``creation_timestamp`` and ``last_updated_timestamp``. Equals are ordered by name, then the
        greatest version first.
        """

    @abstractmethod
    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set or change a tag of a version."""

    @abstractmethod
    def delete_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version, if it is there."""

    @abstractmethod
    def download_uri(self, name: str, version: str) -> str:
        """Return the URI of the files of a version: a place, or another ``models:`` URI."""

    def needing(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Return which versions need the files of runs and logged models, by the id of the owner.

        A version needs them if its source, or the place of its files, lies at or below one of the
        URIs, or if it comes from this run or logged model, whose id is a part of the place. Ten
        versions of an owner are named at the most; owners that none needs are left out.

        ``pegboard gc`` asks this to say what it will do. Here each version is looked at, page by
        page.
        """
        by_uri: dict[str, list[str]] = {}
        for owner in owners:
            for uri in owner.uris:
                by_uri.setdefault(uri.rstrip("/"), []).append(owner.id)
        ids = {owner.id for owner in owners}
        found: dict[str, list[ModelVersion]] = {}
        search = partial(self.search_versions, order_by=("name", "version_number"))
        for version in paging.items(search):
            needed: dict[str, None] = {}
            for place in self._places(version):
                for directory in _directories(place):
                    needed.update(dict.fromkeys(by_uri.get(directory, ())))
                parts = place.split("/")
                origin = (version.run_id, version.model_id)
                needed.update((id_, None) for id_ in origin if id_ in ids and id_ in parts)
            for id_ in needed:
                if len(found.setdefault(id_, [])) < NEEDED_BY:
                    found[id_].append(version)
        return found

    def begin_removal(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Do what ``needing`` does, and refuse versions of the files that no version needs.

        Until ``end_removal`` is called for their owners, ``create_version`` raises InvalidState for
        these files, so that ``pegboard gc`` can remove them; both are to be one transaction. A
        registry that is not told of the end forgets it in time. Here nothing is refused: of a
        version that is made between this and the removal, the files go.
        """
        return self.needing(owners)

    def end_removal(self, owners: Sequence[FilesOwner]) -> None:
        """Note that the files of these owners are removed, or stay."""

    def _places(self, version: ModelVersion) -> Iterator[str]:
        yield version.source.partition("?")[0]
        if _COPY.match(version.source):
            with suppress(NotFound):
                yield self.download_uri(version.name, version.version).partition("?")[0]

    # -- aliases, stages, approvals ------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: str, *, by: Author = NOBODY) -> None:
        """Let an alias point at a version, from wherever it points now.

        Refused by a gate. ``latest`` and what looks like a version (``v3``) cannot be set.
        """
        self._move_alias(name, validation.alias(alias, new=True), version, by, None)

    def rollback_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> ModelVersion:
        """Take the last move of an alias back, and return the version it points at now.

        One after the other, rollbacks take back one move after the other: what was rolled back is
        not gone back to. Versions that were deleted meanwhile are passed over. Refused by a gate;
        InvalidState if there is no earlier version.
        """
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

    @abstractmethod
    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""

    @abstractmethod
    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; ``latest`` stands for the newest version."""

    def transition_stage(
        self,
        name: str,
        version: str,
        stage: str,
        *,
        archive_existing: bool = False,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Move a version to a stage, written in small or capital letters. Refused by a gate.

        ``archive_existing`` moves the other versions of that stage to ``Archived``; InvalidValue
        for the first stage and ``Archived`` itself.
        """
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

    def approve(
        self, name: str, version: str, key: str, *, withdraw: bool = False, by: Author = NOBODY
    ) -> None:
        """Record that somebody approves a version for an alias or a stage, or takes that back.

        Approvals are entries of the history, from None to APPROVED or back; the last one of a
        person counts. InvalidValue if nobody is named.
        """
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

    @abstractmethod
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
        """Return the changes of a model, the last first.

        Those of these kinds, of a version and with a key (an alias, or what was approved), or all.
        They include what the model went through under other names, and what earlier models of its
        name did. NotFound if no model has or, before it was deleted, had that name.
        """

    def close(self) -> None:
        """Give up all resources; what later calls do is undefined."""


def _directories(uri: str) -> Iterator[str]:
    """Yield a URI and those of the directories above it."""
    uri = uri.rstrip("/")
    while uri:
        yield uri
        uri = uri.rpartition("/")[0].rstrip("/")
