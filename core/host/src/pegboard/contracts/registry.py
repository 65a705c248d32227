"""The contract of model registries: where named, versioned models are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from pegboard.contracts.ability import Able
from pegboard.entities import Page
from pegboard.entities.registry import (
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

HISTORY_PAGE = 100
"""How many changes the history returns by default."""

HISTORY_LIMIT = 10_000
"""The largest page of the history that may be asked for."""

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


class ModelRegistry(Able, ABC):
    """Registered models and their versions.

    Names and keys obey the limits in ``pegboard_stores.validation``; registries call it, callers
    need not. ``pegboard_stores.basic_registry`` has what all registries do alike: ask the gates
    before a promotion, take one back.

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

    # -- aliases, stages, approvals ------------------------------------------------------------

    @abstractmethod
    def set_alias(self, name: str, alias: str, version: str, *, by: Author = NOBODY) -> None:
        """Let an alias point at a version, from wherever it points now.

        Refused by a gate. ``latest`` and what looks like a version (``v3``) cannot be set.
        """

    @abstractmethod
    def rollback_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> ModelVersion:
        """Take the last move of an alias back, and return the version it points at now.

        One after the other, rollbacks take back one move after the other: what was rolled back is
        not gone back to. Versions that were deleted meanwhile are passed over. Refused by a gate;
        InvalidState if there is no earlier version.
        """

    @abstractmethod
    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""

    @abstractmethod
    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; ``latest`` stands for the newest version."""

    @abstractmethod
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

    @abstractmethod
    def stage(self, name: str) -> str:
        """Return a stage as it is written; InvalidValue if there is none of that name."""

    @abstractmethod
    def approve(
        self, name: str, version: str, key: str, *, withdraw: bool = False, by: Author = NOBODY
    ) -> None:
        """Record that somebody approves a version for an alias or a stage, or takes that back.

        Approvals are entries of the history, from None to APPROVED or back; the last one of a
        person counts. InvalidValue if nobody is named.
        """

    @abstractmethod
    def approvals(self, name: str, version: str, key: str) -> Sequence[RegistryChange]:
        """Return the approvals of a version for an alias or a stage that count, the last first."""

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
