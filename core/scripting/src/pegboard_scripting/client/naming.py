"""The client's methods for whatever a URI names: files of runs, models, versions and places."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.host import Host

    from pegboard_scripting.resolver import NamedFiles, Resolver


class NamedFilesMethods:
    """What can be done with URIs: finding the files that they name, and opening their store."""

    host: Host
    store: TrackingStore

    @property
    @abstractmethod
    def registry(self) -> ModelRegistry:
        """The model registry in use."""

    def named_files(self, uri: str | os.PathLike[str]) -> NamedFiles:
        """Return the files that a URI or a plain path names.

        URIs are ``runs:/RUN/PATH`` (also of a logged model: ``runs:/RUN/NAME``), ``models:/m-ID``,
        ``models:/NAME/3``, ``models:/NAME@ALIAS``, ``models:/NAME/latest``,
        ``models:/NAME/STAGE``, each perhaps followed by a path, and those of artifact stores.
        NotFound if the run, model or version is not there; the files need not be.
        """
        return self._resolver.files(os.fspath(uri))

    def open_files(self, named: NamedFiles) -> ArtifactStore:
        """Return the artifact store that ``named.path`` is a path of."""
        return self._open_location(named.location)

    def _open_location(self, location: str) -> ArtifactStore:
        return self.host.artifact_store(self.store.located(location))

    @property
    def _resolver(self) -> Resolver:
        # A script that only logs names no files.
        from pegboard_scripting import resolver

        return resolver.Resolver(
            self.store,
            lambda: self.registry,
            lambda location, path: resolver.kind_at(self._open_location(location), path),
        )
