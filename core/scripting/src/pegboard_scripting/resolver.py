"""The one resolver of URIs: which files a URI names, wherever it is read, loaded or registered.

It knows runs (``runs:/RUN/PATH``), logged models (``models:/m-ID``), versions of registered models
(``models:/NAME/3``, ``models:/NAME@ALIAS``, …), each perhaps with a path behind it, and places:
URIs of artifact stores and plain paths. Reading is the caller's: a client opens any place, a
server only its own.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from pegboard import paging, paths, uris
from pegboard.errors import InvalidValue, NotFound, NotSupported

from pegboard_scripting import model_uris

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities.logged_models import LoggedModel
    from pegboard.entities.registry import ModelVersion

MODEL_FILE = "MLmodel"
"""The file that the directory of every model has."""

_EXPLICIT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/|\.{0,2}/")

_MOST_COPIES = 16
"""How many versions may stand for one another in a row; a copy refers to its origin once."""


class Kind(Enum):
    """What lies at a path."""

    NOTHING = "nothing"
    FILE = "file"
    DIRECTORY = "directory"
    MODEL = "directory of a model"


@frozen(kw_only=True)
class NamedFiles:
    """The files that a URI names: ``path`` below the root at ``location``, "" for all of it.

    ``location`` is as the store has it noted; ``TrackingStore.located`` says what opens it.
    ``folder`` is the part of the URI's path that is not part of ``path``: the name of the logged
    model that ``runs:/RUN/NAME`` means. ``version`` is the version that the URI names, ``run_id``
    and ``model_id`` what the files come from; None where the URI does not say.
    """

    uri: str
    location: str
    path: str = ""
    folder: str = ""
    run_id: str | None = None
    model_id: str | None = None
    version: ModelVersion | None = None

    @property
    def place(self) -> str:
        """The URI of the files, without a detour through a run, a model or a version."""
        if not self.path:
            return self.location
        if uris.parse(self.location).scheme == uris.PLAIN_PATH:
            return posixpath.join(self.location, self.path)
        return uris.join(self.location, self.path.replace("%", "%25").replace("?", "%3F"))


@frozen
class Resolver:
    """Finds what URIs name in a tracking store and a model registry.

    ``registry`` opens the registry, which only URIs of versions need. ``kind_at`` says what lies
    at a path below a location.
    """

    store: TrackingStore
    registry: Callable[[], ModelRegistry]
    kind_at: Callable[[str, str], Kind]

    def files(self, uri: str) -> NamedFiles:
        """Return the files that a URI names.

        NotFound if its run, model or version is not there (whether a file is, the reader finds
        out); InvalidValue, UnsafePath if it is malformed.
        """
        if not model_uris.is_model_uri(uri):
            named_run = model_uris.parse_run(uri)
            return of_place(uri) if named_run is None else self.of_run(*named_run)
        named = model_uris.parse(uri)
        path = paths.safe_relative(named.path)
        if named.model_id is not None:
            model = self.store.logged_models().get(named.model_id)
            return evolve(_of_model(model, path), uri=uri)
        version = model_uris.find_version(self.registry(), named)
        files = self.of_version(version)
        return evolve(
            files,
            uri=uri,
            location=files.place,
            path=path,
            folder="",
            run_id=version.run_id or files.run_id,
            model_id=version.model_id or files.model_id,
            version=version,
        )

    def of_version(self, version: ModelVersion) -> NamedFiles:
        """Return all files of a version, perhaps through others that it is a copy of."""
        for _ in range(_MOST_COPIES):
            text = self.registry().download_uri(version.name, version.version)
            if not model_uris.is_model_uri(text):
                named_run = model_uris.parse_run(text)
                if named_run is not None:
                    return self.of_run(*named_run)
                return NamedFiles(uri=text, location=text)
            named = model_uris.parse(text)
            if named.model_id is not None:
                model = self.store.logged_models().get(named.model_id)
                return _of_model(model, named.path)
            version = model_uris.find_version(self.registry(), named)
        raise InvalidValue(
            f"The files of {version.model_uri} cannot be found: it refers to another version, "
            f"that to another, and so on, more than {_MOST_COPIES} times.",
            hint="Register the model again from where its files are.",
        )

    def of_run(self, run_id: str, path: str, root: str | None = None) -> NamedFiles:
        """Return the files of a run at a path, or of the logged model that the path begins with.

        A model that the run holds as a directory takes precedence over a logged model of that name,
        and that over other files. If several logged models have the name, the one of the last step
        is meant. ``root`` is where the run's files are, if the caller knows it.
        """
        uri, path = f"runs:/{run_id}/{path}", paths.safe_relative(path)
        location = root or self.store.get_run(run_id).info.artifact_uri
        found = NamedFiles(uri=uri, location=location, path=path, run_id=run_id)
        if not path or self.kind_at(location, path) in (Kind.FILE, Kind.MODEL):
            return found
        name, _, inner = path.partition("/")
        model = self._logged_model(run_id, name)
        return found if model is None else evolve(_of_model(model, inner), uri=uri, folder=name)

    def _logged_model(self, run_id: str, name: str) -> LoggedModel | None:
        mark = '"' if "'" in name else "'"
        if mark in name or name.endswith("\\"):
            return None
        run = self.store.get_run(run_id)
        where, experiments = f"name = {mark}{name}{mark}", [run.info.experiment_id]
        try:
            search = partial(self.store.logged_models().search, experiments, filter=where)
            found = [m for m in paging.items(search) if m.source_run_id == run_id]
        except NotSupported:
            return None
        steps = {output.model_id: output.step for output in run.outputs.model_outputs}
        return max(
            found, key=lambda m: (steps.get(m.model_id, -1), m.creation_timestamp), default=None
        )


def _of_model(model: LoggedModel, path: str) -> NamedFiles:
    return NamedFiles(
        uri=model.model_uri,
        location=model.artifact_location,
        path=paths.safe_relative(path),
        run_id=model.source_run_id or None,
        model_id=model.model_id,
    )


def needs_store(uri: str | os.PathLike[str]) -> bool:
    """Whether only a tracking store knows what a URI names; else ``of_place`` does."""
    return uris.parse(uri).scheme in ("models", "runs", uris.PROXIED)


def of_place(uri: str | os.PathLike[str]) -> NamedFiles:
    """Return the files that a plain path or the URI of an artifact store names.

    Their location is the directory around them, which a store can be opened at whether a file or
    a directory is meant.
    """
    text = os.fspath(uri)
    if uris.parse(text).scheme == uris.PLAIN_PATH:
        location, name = os.path.split(Path(text).absolute())
    else:
        base, mark, query = text.rstrip("/").partition("?")
        parent, name = posixpath.split(base.rstrip("/"))
        location, name = parent + mark + query, uris.parse(f"x-:{name}").path
    return NamedFiles(uri=text, location=location, path=paths.safe_relative(name))


def kind_at(store: ArtifactStore, path: str) -> Kind:
    """Return what lies at a path of an artifact store."""
    entries = store.list(path)
    if any(posixpath.basename(entry.path) == MODEL_FILE for entry in entries):
        return Kind.MODEL
    if entries:
        return Kind.DIRECTORY
    try:
        store.read(path, end=0).close()
    except NotFound:
        return Kind.NOTHING
    return Kind.FILE


def is_explicit(text: str) -> bool:
    """Whether a text begins as only URIs and paths do (``x:/``, ``/``, ``./``, ``../``).

    Where a name may stand too, such as that of a run, which may hold colons and slashes.
    """
    return _EXPLICIT.match(text) is not None
