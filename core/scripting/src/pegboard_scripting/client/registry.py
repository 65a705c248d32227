"""The client's methods for registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pegboard.errors import AlreadyExists, InvalidValue, NotFound

from pegboard_scripting.client import author, location
from pegboard_scripting.client.naming import NamedFilesMethods

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities import Page
    from pegboard.entities.registry import (
        Author,
        ModelVersion,
        RegisteredModel,
        RegistryChange,
    )

    from pegboard_scripting.client.client import Client

AWAIT_SECONDS = 300
"""How long a new version is waited for by default, until its files are where they belong."""

_MODELS_PAGE = 100
_VERSIONS_PAGE = 10_000


class RegistryMethods(NamedFilesMethods):
    """What can be done with registered models.

    Where a change is recorded in the history, ``reason`` says why, and ``user`` who makes it; by
    default the user that runs record.
    """

    tracking_uri: str
    _registry_uri: str | None

    @property
    def registry_uri(self) -> str:
        """The URI of the model registry in use."""
        return self._registry_uri or location.registry_beside(self.tracking_uri)

    @property
    def registry(self) -> ModelRegistry:
        """The model registry in use, opened when it is first needed."""
        return self.host.model_registry(self.registry_uri)

    def _author(self, user: str | None, reason: str) -> Author:
        from pegboard.entities.registry import Author

        return Author(user or self._user, reason)

    @cached_property
    def _user(self) -> str | None:
        return author.user_of(self.host)

    # -- registered models ---------------------------------------------------------------------

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> RegisteredModel:
        """Create a registered model; AlreadyExists if the name is taken."""
        return self.registry.create_model(name, tags=tags, description=description or "")

    def rename_registered_model(
        self, name: str, new_name: str, *, reason: str = "", user: str | None = None
    ) -> RegisteredModel:
        """Give a registered model another name."""
        return self.registry.rename_model(name, new_name, by=self._author(user, reason))

    def update_registered_model(self, name: str, description: str | None = None) -> RegisteredModel:
        """Set the description of a registered model."""
        return self.registry.update_model(name, description or "")

    def delete_registered_model(
        self, name: str, *, reason: str = "", user: str | None = None
    ) -> None:
        """Remove a registered model with all its versions; its history is kept."""
        self.registry.delete_model(name, by=self._author(user, reason))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = _MODELS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return a page of registered models that match; by default ordered by name."""
        return self.registry.search_models(
            filter=filter_string or "",
            order_by=order_by or (),
            max_results=max_results,
            page_token=page_token,
        )

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return a registered model; else NotFound."""
        return self.registry.get_model(name)

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """Return the newest version in each of these stages, or in every stage."""
        return list(self.registry.latest_versions(name, stages))

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set or change a tag of a registered model."""
        self.registry.set_model_tag(name, key, str(value))

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model, if it is there."""
        self.registry.delete_model_tag(name, key)

    # -- versions ------------------------------------------------------------------------------

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: float | None = AWAIT_SECONDS,
        model_id: str | None = None,
        *,
        reason: str = "",
        user: str | None = None,
    ) -> ModelVersion:
        """Add the next version to a registered model.

        ``source`` is where the files are: any URI, ``models:/m-ID`` of a logged model,
        ``models:/NAME/3`` of another version, or ``runs:/RUN/NAME``. ``await_creation_for`` is how
        many seconds to wait until the files are where they belong; None or 0 waits not at all.
        """
        from pegboard_scripting.client import registration

        found = registration.described(cast("Client", self), source, run_id, model_id)
        made = self.registry.create_version(
            name,
            found.uri,
            run_id=found.run_id,
            run_link=run_link,
            model_id=found.model_id,
            tags=tags,
            description=description or "",
            storage_location=found.storage_location,
            by=self._author(user, reason),
        )
        return registration.wait_for(self.registry, made, await_creation_for or 0)

    def copy_model_version(
        self, src_model_uri: str, dst_name: str, *, reason: str = "", user: str | None = None
    ) -> ModelVersion:
        """Make a version of another registered model, which is created if need be, from a version.

        Its tags, description and origin are copied; its aliases and its stage are not.
        """
        from pegboard_scripting import model_uris

        source = model_uris.parse(src_model_uri)
        if source.model_id is not None:
            raise InvalidValue(
                f"{src_model_uri!r} is a logged model, not a version.",
                hint="Versions are made from logged models with register_model.",
            )
        version = model_uris.find_version(self.registry, source)
        self._ensure_registered(dst_name)
        return self.create_model_version(
            dst_name,
            version.model_uri,
            version.run_id,
            version.tags,
            version.run_link,
            version.description,
            model_id=version.model_id,
            reason=reason,
            user=user,
        )

    def _ensure_registered(self, name: str) -> None:
        try:
            self.registry.get_model(name)
        except NotFound:
            try:
                self.registry.create_model(name)
            except AlreadyExists:
                # Somebody else was quicker.
                return

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Return a version of a registered model; else NotFound."""
        return self.registry.get_version(name, version)

    def update_model_version(
        self, name: str, version: str, description: str | None = None
    ) -> ModelVersion:
        """Set the description of a version."""
        return self.registry.update_version(name, version, description or "")

    def delete_model_version(
        self, name: str, version: str, *, reason: str = "", user: str | None = None
    ) -> None:
        """Remove a version, and the aliases that point at it."""
        self.registry.delete_version(name, version, by=self._author(user, reason))

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = _VERSIONS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return a page of versions that match; by default the last updated first."""
        return self.registry.search_versions(
            filter=filter_string or "",
            order_by=order_by or (),
            max_results=max_results,
            page_token=page_token,
        )

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Return the URI of the files of a version."""
        return self.registry.download_uri(name, version)

    def get_model_version_stages(self, name: str, version: str) -> list[str]:
        """Return the stages that a version can be in."""
        self.registry.get_version(name, version)
        return list(self.registry.stages)

    def transition_model_version_stage(
        self,
        name: str,
        version: str,
        stage: str,
        archive_existing_versions: bool = False,
        *,
        reason: str = "",
        user: str | None = None,
    ) -> ModelVersion:
        """Move a version to a stage, and perhaps the others of that stage to ``Archived``."""
        return self.registry.transition_stage(
            name,
            version,
            stage,
            archive_existing=archive_existing_versions,
            by=self._author(user, reason),
        )

    def set_model_version_tag(
        self,
        name: str,
        version: str | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
    ) -> None:
        """Set or change a tag of a version, or of the newest version in a stage."""
        chosen = self._chosen(name, version, stage)
        self.registry.set_version_tag(name, chosen, _tag_key(key), str(value))

    def delete_model_version_tag(
        self,
        name: str,
        version: str | None = None,
        key: str | None = None,
        stage: str | None = None,
    ) -> None:
        """Remove a tag of a version, or of the newest version in a stage, if it is there."""
        self.registry.delete_version_tag(name, self._chosen(name, version, stage), _tag_key(key))

    def _chosen(self, name: str, version: str | None, stage: str | None) -> str:
        if (version is None) == (stage is None):
            raise InvalidValue("Name a version or a stage, one of them.")
        if version is not None:
            return version
        from pegboard_scripting import model_uris

        uri = model_uris.ModelUri("", name=name, stage=stage)
        return model_uris.find_version(self.registry, uri).version

    # -- aliases, approvals, history -----------------------------------------------------------

    def set_registered_model_alias(
        self, name: str, alias: str, version: str, *, reason: str = "", user: str | None = None
    ) -> None:
        """Let an alias point at a version, from wherever it points now."""
        self.registry.set_alias(name, alias, version, by=self._author(user, reason))

    def delete_registered_model_alias(
        self, name: str, alias: str, *, reason: str = "", user: str | None = None
    ) -> None:
        """Remove an alias, if it is there."""
        self.registry.delete_alias(name, alias, by=self._author(user, reason))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; else NotFound."""
        return self.registry.version_by_alias(name, alias)

    def rollback_registered_model_alias(
        self, name: str, alias: str, *, reason: str = "", user: str | None = None
    ) -> ModelVersion:
        """Take the last move of an alias back, and return the version it points at now."""
        return self.registry.rollback_alias(name, alias, by=self._author(user, reason))

    def approve_model_version(
        self,
        name: str,
        version: str,
        key: str,
        *,
        withdraw: bool = False,
        reason: str = "",
        user: str | None = None,
    ) -> None:
        """Approve a version for an alias or a stage, or take the approval back."""
        by = self._author(user, reason)
        self.registry.approve(name, version, key, withdraw=withdraw, by=by)

    def registry_history(
        self,
        name: str,
        max_results: int = 100,
        page_token: str | None = None,
        *,
        kinds: Sequence[str] = (),
        version: str | None = None,
        key: str | None = None,
    ) -> Page[RegistryChange]:
        """Return a page of the changes of a registered model, the last first.

        ``kinds`` are ``version``, ``alias``, ``stage``, ``approval`` and ``name``; ``key`` is an
        alias, or what was approved.
        """
        from pegboard.entities.registry import ChangeKind

        try:
            chosen = [ChangeKind(kind) for kind in kinds]
        except ValueError as error:
            raise InvalidValue(
                f"{error}.", hint=f"Kinds of changes are: {', '.join(ChangeKind)}."
            ) from None
        return self.registry.history(
            name,
            kinds=chosen,
            version=version,
            key=key,
            max_results=max_results,
            page_token=page_token,
        )


def _tag_key(key: str | None) -> str:
    if key is None:
        raise InvalidValue("A tag needs a key.")
    return key
