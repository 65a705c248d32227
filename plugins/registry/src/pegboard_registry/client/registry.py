"""The model registry behind a server that speaks MLflow's REST protocol, MLflow's own or ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard.contracts.registry import (
    HISTORY_LIMIT,
    HISTORY_PAGE,
    MODELS_LIMIT,
    MODELS_PAGE,
    NOBODY,
    VERSIONS_LIMIT,
    VERSIONS_PAGE,
    Promotion,
)
from pegboard.entities import Page
from pegboard.entities.registry import (
    ARCHIVED,
    Author,
    ChangeKind,
    ModelVersion,
    RegisteredModel,
    RegistryChange,
)
from pegboard.errors import InvalidValue, NotFound, NotSupported, Refused
from pegboard_scripting.model_uris import LATEST
from pegboard_stores import refusals, validation
from pegboard_stores.basic_registry import BasicRegistry
from pegboard_stores.needed_files import EachVersion, FilesNeeded, FilesOwner
from pegboard_stores.validation import MAX_SOURCE
from pegboard_wire.client.api import Api
from pegboard_wire.client.connection import connect
from pegboard_wire.client.errors import AccessDenied, UnknownPath
from pegboard_wire.pairs import pairs_json
from pegboard_wire.scalars import string

from pegboard_registry.wire.calls import author_headers
from pegboard_registry.wire.codec import (
    owner_json,
    read_change,
    read_model,
    read_needed,
    read_version,
    read_versions,
)
from pegboard_registry.wire.governance import BASE, MAX_OWNERS

if TYPE_CHECKING:
    from pegboard.uris import Uri
    from pegboard_wire.client.connection import Connection

    from pegboard_registry.settings import Settings

T = TypeVar("T")

_MODELS = "registered-models"
_VERSIONS = "model-versions"


def open_registry(uri: Uri, settings: Settings) -> RestRegistry:
    """Open the registry of the server of an ``http:`` or ``https:`` URI; nothing is sent yet."""
    return RestRegistry(connect(uri.text, settings.http))


class RestRegistry(BasicRegistry, FilesNeeded):
    """Registered models of a server.

    Who changes something is up to the server, if it knows its users. It asks its own gates, and
    it decides what stages there are and where the files of a version lie.
    """

    def __init__(self, connection: Connection) -> None:
        """Use a server; the connection may be shared with others."""
        self.connection = connection
        self.api = Api(connection)

    def ability(self, contract: type[T]) -> T | None:
        """Return the webhooks of the server; it may keep none, which is found out when asked."""
        from pegboard_registry.client.webhooks import RestWebhooks

        made = RestWebhooks(self)
        return made if isinstance(made, contract) else super().ability(contract)

    # -- registered models ---------------------------------------------------------------------

    def create_model(
        self, name: str, *, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> RegisteredModel:
        """Create a registered model; AlreadyExists if the name is taken."""
        fields = {
            "name": validation.registered_name(name, new=True),
            "tags": pairs_json(validation.registry_tags(tags or {})),
            "description": description,
        }
        return self._model(self._send("POST", f"{_MODELS}/create", fields))

    def get_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""
        return self._model(self.api.get(f"{_MODELS}/get", name=name))

    def rename_model(self, name: str, new_name: str, *, by: Author = NOBODY) -> RegisteredModel:
        """Give a model, with all its versions and its history, another name."""
        fields = {"name": name, "new_name": validation.registered_name(new_name, new=True)}
        return self._model(self._send("POST", f"{_MODELS}/rename", fields, by))

    def update_model(self, name: str, description: str) -> RegisteredModel:
        """Set the description."""
        answer = self.api.patch(f"{_MODELS}/update", name=name, description=description)
        return self._model(answer)

    def delete_model(self, name: str, *, by: Author = NOBODY) -> None:
        """Remove a model and all its versions; its history is kept."""
        self._send("DELETE", f"{_MODELS}/delete", {"name": name}, by)

    def search_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = MODELS_PAGE,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return models that match; by default ordered by name."""
        size = validation.page_size(max_results, MODELS_LIMIT)
        answer = self._search(f"{_MODELS}/search", filter, order_by, size, page_token)
        return self.api.read_page(answer, "registered_models", read_model)

    def _set_model_tag(self, name: str, key: str, value: str) -> None:
        (tag,) = pairs_json(validation.registry_tags({key: value}))
        self.api.post(f"{_MODELS}/set-tag", name=name, **tag)

    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model, if it is there."""
        self.api.delete(f"{_MODELS}/delete-tag", name=name, key=key)

    def latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> Sequence[ModelVersion]:
        """Return the newest version in each of these stages, or in every stage."""
        wanted = [*stages] if stages else None
        answer = self.api.post(f"{_MODELS}/get-latest-versions", name=name, stages=wanted)
        found = self.api.read(answer, lambda given: read_versions(given.get("model_versions")))
        return sorted(found, key=_number)

    # -- versions ------------------------------------------------------------------------------

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
        """Add the next version to a model; the server finds out where its files are."""
        del storage_location
        fields = {
            "name": name,
            "source": validation.registry_text(source, "source", MAX_SOURCE),
            "run_id": run_id,
            "run_link": run_link,
            "model_id": model_id,
            "tags": pairs_json(validation.registry_tags(tags or {})),
            "description": description,
        }
        return self._version(self._send("POST", f"{_VERSIONS}/create", fields, by))

    def get_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        return self._version(self.api.get(f"{_VERSIONS}/get", **_named(name, version)))

    def update_version(self, name: str, version: str, description: str) -> ModelVersion:
        """Set the description."""
        fields = {**_named(name, version), "description": description}
        return self._version(self.api.patch(f"{_VERSIONS}/update", **fields))

    def delete_version(self, name: str, version: str, *, by: Author = NOBODY) -> None:
        """Remove a version, and the aliases that point at it."""
        self._send("DELETE", f"{_VERSIONS}/delete", _named(name, version), by)

    def search_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = VERSIONS_PAGE,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return versions that match; by default the last updated first."""
        size = validation.page_size(max_results, VERSIONS_LIMIT)
        answer = self._search(f"{_VERSIONS}/search", filter, order_by, size, page_token)
        return self.api.read_page(answer, "model_versions", read_version)

    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set or change a tag of a version."""
        (tag,) = pairs_json(validation.registry_tags({key: value}))
        self.api.post(f"{_VERSIONS}/set-tag", **_named(name, version), **tag)

    def delete_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version, if it is there."""
        self.api.delete(f"{_VERSIONS}/delete-tag", **_named(name, version), key=key)

    def download_uri(self, name: str, version: str) -> str:
        """Return the URI of the files of a version."""
        answer = self.api.get(f"{_VERSIONS}/get-download-uri", **_named(name, version))
        return self.api.read(
            answer, lambda given: string(given.get("artifact_uri"), "artifact_uri")
        )

    def needing(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Return which versions need the files of runs and logged models, by the id of the owner.

        MLflow's servers are asked for every version.
        """
        try:
            return self._asked(_own("needing"), owners)
        except UnknownPath:
            return EachVersion(self).needing(owners)

    def begin_removal(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Do what ``needing`` does, and refuse versions of the files that none needs from now on.

        MLflow's servers refuse none.
        """
        try:
            return self._asked(_own("removals"), owners)
        except UnknownPath:
            return EachVersion(self).begin_removal(owners)

    def end_removal(self, owners: Sequence[FilesOwner]) -> None:
        """Note that the files of these owners are removed, or stay."""
        with suppress(UnknownPath):
            self._asked(_own("removals"), owners, ended=True)

    def _asked(
        self, path: str, owners: Sequence[FilesOwner], *, ended: bool | None = None
    ) -> dict[str, Sequence[ModelVersion]]:
        found: dict[str, Sequence[ModelVersion]] = {}
        for start in range(0, len(owners), MAX_OWNERS):
            asked = [owner_json(owner) for owner in owners[start : start + MAX_OWNERS]]
            answer = self.api.post(path, owners=asked, ended=ended)
            found.update(self.api.read(answer, read_needed))
        return found

    # -- aliases, stages, approvals ------------------------------------------------------------

    def _set_alias(
        self, name: str, alias: str, version: str, by: Author, undoes: int | None
    ) -> None:
        if undoes is None:
            self._promote(f"{_MODELS}/alias", by, **_named(name, version), alias=alias)
        else:
            # The server finds the way back itself, and so takes the same move back.
            self._promote(_own("rollback"), by, name=name, alias=alias)

    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""
        fields = {"name": name, "alias": validation.alias(alias)}
        self._send("DELETE", f"{_MODELS}/alias", fields, by)

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; ``latest`` stands for the newest version."""
        alias = validation.alias(alias)
        if alias.lower() == LATEST:
            newest = self.latest_versions(name)
            if not newest:
                raise NotFound(f"The registered model {name!r} has no version.")
            return newest[-1]
        try:
            return self._version(self.api.get(f"{_MODELS}/alias", name=name, alias=alias))
        except InvalidValue as error:
            # So servers say that the model has no such alias.
            missing = NotFound(error.message, hint=error.hint)
            raise missing.about(error.fault, **error.facts) from error

    def transition_stage(
        self,
        name: str,
        version: str,
        stage: str,
        *,
        archive_existing: bool = False,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Move a version to a stage of the server's. Refused by a gate, here or there."""
        stage = {each.lower(): each for each in self.stages}.get(str(stage).lower(), stage)
        if archive_existing and stage in (self.stages[0], ARCHIVED):
            raise refusals.cannot_archive(stage)
        if self.allow is not None and stage != self.stages[0]:
            current = self.get_version(name, version).current_stage
            self.allow(Promotion(ChangeKind.STAGE, name, version, stage, current, by))
        return self._transition_stage(name, version, stage, archive_existing, by)

    def _transition_stage(
        self, name: str, version: str, stage: str, archive_existing: bool, by: Author
    ) -> ModelVersion:
        path = f"{_VERSIONS}/transition-stage"
        fields: dict[str, Any] = {**_named(name, version), "stage": stage}
        fields["archive_existing_versions"] = archive_existing
        return self._version(self._promote(path, by, **fields))

    def approve(
        self, name: str, version: str, key: str, *, withdraw: bool = False, by: Author = NOBODY
    ) -> None:
        """Record that somebody approves a version, or takes that back.

        A server that knows its users takes the caller for the one who approves.
        """
        self._approve(name, version, key, withdraw, by)

    def _approve(self, name: str, version: str, key: str, withdraw: bool, by: Author) -> None:
        fields = {**_named(name, version), "key": key, "withdraw": withdraw}
        self.own("approvals", lambda: self._send("POST", _own("approvals"), fields, by))

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
        """Return the changes of a model, the last first; NotSupported by MLflow's servers."""
        fields = {
            "name": name,
            "kinds": [kind.value for kind in kinds] or None,
            "version": version,
            "key": key,
            "max_results": validation.page_size(max_results, HISTORY_LIMIT),
            "page_token": page_token,
        }
        answer = self.own("the history", lambda: self.api.get(_own("history"), **fields))
        return self.api.read_page(answer, "changes", read_change)

    # -- requests ------------------------------------------------------------------------------

    def _send(
        self, method: str, path: str, fields: Mapping[str, Any], by: Author = NOBODY
    ) -> dict[str, Any]:
        return self.connection.call(method, path, fields, headers=author_headers(by))

    def _promote(self, path: str, by: Author, **fields: Any) -> dict[str, Any]:
        try:
            return self._send("POST", path, fields, by)
        except AccessDenied as error:
            raise Refused(error.message, hint=error.hint) from error

    def own(self, what: str, ask: Callable[[], T]) -> T:
        """Ask for what only our servers know; NotSupported by others."""
        try:
            return ask()
        except UnknownPath as error:
            raise NotSupported(
                f"The server {self.api.url} does not know {what}.",
                hint="MLflow's servers have nothing of the kind; pegboard's have.",
            ) from error

    def _search(
        self, path: str, filter: str, order_by: Sequence[str], size: int, token: str | None
    ) -> dict[str, Any]:
        fields = {
            "filter": filter or None,
            "order_by": [*order_by] or None,
            "max_results": size,
            "page_token": token or None,
        }
        query = filter or ", ".join(order_by) or ("''" if order_by else "")
        return self.connection.call("GET", path, fields, query=query)

    def _model(self, answer: Mapping[str, Any]) -> RegisteredModel:
        return self.api.read(answer, lambda given: read_model(given.get("registered_model")))

    def _version(self, answer: Mapping[str, Any]) -> ModelVersion:
        return self.api.read(answer, lambda given: read_version(given.get("model_version")))


def _own(name: str) -> str:
    return f"{BASE}/{name}"


def _named(name: str, version: str) -> dict[str, str]:
    """Return the fields that name a version; InvalidValue if it is not a number."""
    return {"name": name, "version": str(validation.version_number(version))}


def _number(version: ModelVersion) -> int:
    return int(version.version)
