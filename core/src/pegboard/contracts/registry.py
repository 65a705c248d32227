"""The contract of model registries: where named, versioned models are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from pegboard.entities import Page
from pegboard.entities.registry import (
    NO_STAGE,
    STAGES,
    Author,
    ChangeKind,
    ModelVersion,
    RegisteredModel,
    RegistryChange,
)

MODELS_PAGE = 100
"""How many registered models a search returns by default."""

VERSIONS_PAGE = 10_000
"""How many versions a search returns by default."""

MODELS_LIMIT = 1000
"""The largest page a search for registered models may be asked for."""

VERSIONS_LIMIT = 200_000
"""The largest page a search for versions may be asked for."""

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


class ModelRegistry(ABC):
    """Registered models and their versions.

    Names and keys obey the limits in ``pegboard.validation``; registries call it, callers need not.
    Unknown models, versions and aliases raise NotFound. Entities are values. Every method may be
    called from any thread, and several processes may change a registry at once: a version number
    is given once, also after the version was deleted, and no change is lost.

    Every change of an alias, a stage or an approval appends to the history in the same
    transaction.
    """

    stages: Sequence[str] = STAGES
    """The stages there are; the first is that of a new version."""

    allow: Callable[[Promotion], None] | None = None
    """Asked before a promotion; raises Refused to prevent it. Set by the host, from the gates."""

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

        ``order_by`` knows ``name``, ``timestamp`` and ``last_updated_timestamp`` (the same).
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
        """Return the newest version in each of these stages, or in every stage."""

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
        of another version keeps its files).
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

        Filters know ``name``, ``version_number``, ``run_id`` (also with IN), ``source_path`` and
        ``tags.KEY``; ``order_by`` knows ``name``, ``version_number``, ``creation_timestamp`` and
        ``last_updated_timestamp``.
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

    # -- aliases, stages, approvals ------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: str, *, by: Author = NOBODY) -> None:
        """Let an alias point at a version, from wherever it points now. Refused by a gate."""
        if self.allow is not None:
            current = self.get_model(name).aliases.get(alias)
            self.allow(Promotion(ChangeKind.ALIAS, name, version, alias, current, by))
        self._set_alias(name, alias, version, by)

    @abstractmethod
    def _set_alias(self, name: str, alias: str, version: str, by: Author) -> None: ...

    @abstractmethod
    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""

    @abstractmethod
    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at."""

    def transition_stage(
        self,
        name: str,
        version: str,
        stage: str,
        *,
        archive_existing: bool = False,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Move a version to a stage. Refused by a gate.

        ``archive_existing`` moves the other versions of that stage to ``Archived``.
        """
        if self.allow is not None and stage != NO_STAGE:
            current = self.get_version(name, version).current_stage
            self.allow(Promotion(ChangeKind.STAGE, name, version, stage, current, by))
        return self._transition_stage(name, version, stage, archive_existing, by)

    @abstractmethod
    def _transition_stage(
        self, name: str, version: str, stage: str, archive_existing: bool, by: Author
    ) -> ModelVersion: ...

    @abstractmethod
    def approve(
        self, name: str, version: str, key: str, *, withdraw: bool = False, by: Author = NOBODY
    ) -> None:
        """Record that somebody approves a version for an alias or a stage, or takes that back.

        Approvals are entries of the history; the last one of a person counts.
        """

    @abstractmethod
    def history(
        self,
        name: str,
        *,
        kinds: Sequence[ChangeKind] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[RegistryChange]:
        """Return the changes of a model, the last first, of these kinds or of all.

        NotFound if no model of that name was ever there.
        """

    def close(self) -> None:  # noqa: B027 (a registry without resources needs none)
        """Give up all resources; what later calls do is undefined."""
