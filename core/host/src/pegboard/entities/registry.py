"""Registered models: names under which versions of a model are kept, found and promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

NO_STAGE = "None"
"""The stage of a new version."""

STAGES = (NO_STAGE, "Staging", "Production", "Archived")
"""The stages that exist if nothing else is configured."""

ARCHIVED = "Archived"
"""The stage that ``archive_existing`` moves versions to."""


class ModelVersionStatus(StrEnum):
    """Whether the files of a version are all where they belong."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"


@frozen
class ModelVersion:
    """One version of a registered model. ``version`` is a whole number as text, from "1" on.

    ``source`` is the URI it was registered from. Times are in ms.
    """

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    source: str = ""
    description: str = ""
    user_id: str | None = None
    current_stage: str = NO_STAGE
    run_id: str | None = None
    run_link: str | None = None
    model_id: str | None = None
    status: ModelVersionStatus = ModelVersionStatus.READY
    status_message: str | None = None
    tags: Mapping[str, str] = field(factory=dict)
    aliases: Sequence[str] = ()

    @property
    def model_uri(self) -> str:
        """The URI under which the version can be loaded."""
        return f"models:/{self.name}/{self.version}"


@frozen
class RegisteredModel:
    """A name, and what is known of all its versions. Times are in ms.

    ``aliases`` maps each alias to a version; ``latest_versions`` holds the newest one per stage.
    """

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    tags: Mapping[str, str] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)
    latest_versions: Sequence[ModelVersion] = ()


@frozen
class Author:
    """Who changes something, and why."""

    user: str | None = None
    reason: str = ""


APPROVED = "approved"
"""What an approval leads to; None once it is taken back."""


class ChangeKind(StrEnum):
    """What the history of a registered model is made of."""

    VERSION = "version"
    """A version was created (``after`` is its source) or deleted (``before`` is)."""
    ALIAS = "alias"
    """An alias (``key``) went from one version to another."""
    STAGE = "stage"
    """A version went from one stage to another."""
    APPROVAL = "approval"
    """Somebody approved a version for an alias or a stage (``key``), or took that back."""
    NAME = "name"
    """The model was renamed, or deleted with all its versions (``after`` is None)."""


@frozen
class RegistryChange:
    """An entry of the append-only history: what went from ``before`` to ``after``, who and why.

    ``number`` grows with every change of the registry. None stands for "there was none" and "there
    is none any more". A rollback names in ``undoes`` the number of the change that it takes back.
    """

    number: int
    timestamp: int
    name: str
    kind: ChangeKind
    version: str | None = None
    key: str = ""
    before: str | None = None
    after: str | None = None
    user: str | None = None
    reason: str = ""
    undoes: int | None = None
