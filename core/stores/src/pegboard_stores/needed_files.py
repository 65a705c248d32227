"""Which versions of a registry need the files of runs and logged models that are to be removed."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from attrs import frozen
from pegboard import paging
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import ModelVersion
from pegboard.errors import NotFound

NEEDED_BY = 10
"""How many of the versions are named that need the files of a run or logged model."""

_COPY = re.compile("models:/[^/]+/")
"""The source of a version that is a copy of another begins so."""


@frozen
class FilesOwner:
    """A run or a logged model, and the URIs of the directory with its files, without a query."""

    id: str
    uris: Sequence[str]


class FilesNeeded(ABC):
    """An ability of model registries: they know which files their versions need.

    ``pegboard gc`` asks before it removes any.
    """

    @abstractmethod
    def needing(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Return which versions need the files of runs and logged models, by the id of the owner.

        A version needs them if its source, or the place of its files, lies at or below one of the
        URIs, or if it comes from this run or logged model, whose id is a part of the place. Ten
        versions of an owner are named at the most; owners that none needs are left out.
        """

    @abstractmethod
    def begin_removal(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Do what ``needing`` does, and refuse versions of the files that no version needs.

        Until ``end_removal`` is called for their owners, ``create_version`` raises InvalidState for
        these files; both are to be one transaction. A registry that never hears of the end forgets
        it in time.
        """

    @abstractmethod
    def end_removal(self, owners: Sequence[FilesOwner]) -> None:
        """Note that the files of these owners are removed, or stay."""


def of(registry: ModelRegistry) -> FilesNeeded:
    """Return what knows the files that the versions of a registry need, whatever the registry."""
    return registry.ability(FilesNeeded) or EachVersion(registry)


class EachVersion(FilesNeeded):
    """Looks at each version of a registry, page by page."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def needing(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Return which versions need the files of owners, by the id of the owner."""
        by_uri: dict[str, list[str]] = {}
        for owner in owners:
            for uri in owner.uris:
                by_uri.setdefault(uri.rstrip("/"), []).append(owner.id)
        ids = {owner.id for owner in owners}
        found: dict[str, list[ModelVersion]] = {}
        search = partial(self._registry.search_versions, order_by=("name", "version_number"))
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
        """Do what ``needing`` does; nothing is refused.

        The files of a version that is made between this and the removal are lost.
        """
        return self.needing(owners)

    def end_removal(self, owners: Sequence[FilesOwner]) -> None:
        """Do nothing, as nothing was refused."""

    def _places(self, version: ModelVersion) -> Iterator[str]:
        yield version.source.partition("?")[0]
        if _COPY.match(version.source):
            with suppress(NotFound):
                yield self._registry.download_uri(version.name, version.version).partition("?")[0]


def _directories(uri: str) -> Iterator[str]:
    """Yield a URI and those of the directories above it."""
    uri = uri.rstrip("/")
    while uri:
        yield uri
        uri = uri.rpartition("/")[0].rstrip("/")
