"""Artifacts by URI: of runs (``runs:/ID/path``), of models (``models:/…``) or of any store."""

from __future__ import annotations

import json
import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import host, model_uris, paths, uris
from pegboard.client import Client, transfer
from pegboard.client.artifacts import fetch
from pegboard.errors import InvalidValue

if TYPE_CHECKING:
    from PIL.Image import Image

    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.entities import FileInfo

_OF_RUN = re.compile(r"runs:/+(?P<run_id>[^/]+)(?:/(?P<path>.*))?")

_DETOURS = 8
"""How often a version of a registered model may refer to another: copies do so once."""


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Copy a file or directory to ``dst_path`` and return where it is now.

    It is named by ``artifact_uri``, also of a model (``models:/NAME/3``, ``models:/NAME@ALIAS``,
    ``models:/m-…``, each perhaps followed by the path of a file), or by ``run_id`` and
    ``artifact_path`` (without one, all of the run's). Without ``dst_path``: return where it lies,
    if on this machine, else copy it to a new temporary directory.
    """
    store, path = _locate(artifact_uri, run_id, artifact_path, tracking_uri)
    return str(fetch(store, path, dst_path))


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Return what is directly below a directory, sorted by path."""
    store, path = _locate(artifact_uri, run_id, artifact_path, tracking_uri)
    return store.list(path)


def load_text(artifact_uri: str) -> str:
    """Return the content of a text file (UTF-8)."""
    content = _content(artifact_uri)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(
            f"The artifact {artifact_uri!r} is not UTF-8 text.",
            hint="Use download_artifacts, and open the file with its own encoding.",
        ) from error


def load_dict(artifact_uri: str) -> Any:
    """Return the content of a JSON file."""
    try:
        return json.loads(load_text(artifact_uri))
    except json.JSONDecodeError as error:
        raise InvalidValue(f"The artifact {artifact_uri!r} is not JSON: {error}.") from error


def load_image(artifact_uri: str) -> Image:
    """Return the content of an image file as a Pillow image."""
    import io

    from pegboard.client.images import load_pillow

    pillow = load_pillow()
    try:
        image: Image = pillow.open(io.BytesIO(_content(artifact_uri)))
        image.load()
    except OSError as error:
        raise InvalidValue(f"The artifact {artifact_uri!r} is not an image.") from error
    return image


def _content(artifact_uri: str) -> bytes:
    store, path = _locate(artifact_uri, None, None, None)
    return transfer.read_bytes(store, path)


def _locate(
    artifact_uri: str | None,
    run_id: str | None,
    artifact_path: str | None,
    tracking_uri: str | None,
) -> tuple[ArtifactStore, str]:
    """Return the store that keeps an artifact, and its path there."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValue("Name the artifact by either artifact_uri or run_id.")
    if artifact_uri is not None:
        if artifact_path is not None:
            raise InvalidValue("artifact_path goes with run_id; extend artifact_uri instead.")
        if model_uris.is_model_uri(artifact_uri):
            return _locate_model(artifact_uri, tracking_uri)
        match = _OF_RUN.fullmatch(artifact_uri)
        if match is None:
            return _locate_file(artifact_uri)
        run_id, artifact_path = match["run_id"], match["path"]
    store = Client(tracking_uri).artifacts(str(run_id))
    return store, paths.safe_relative(artifact_path or "")


def _locate_model(uri: str, tracking_uri: str | None) -> tuple[ArtifactStore, str]:
    """Return the store that keeps a model, or a file of one, and its path there."""
    text, inner = uri, ""
    for _ in range(_DETOURS):
        if not model_uris.is_model_uri(text):
            store, path = _locate(text, None, None, tracking_uri)
            return store, paths.safe_relative(posixpath.join(path, inner))
        named, client = model_uris.parse(text), Client(tracking_uri)
        inner = posixpath.join(paths.safe_relative(named.path), inner).strip("/")
        if named.model_id is not None:
            return client.model_artifacts(named.model_id), inner
        version = model_uris.find_version(client.registry, named)
        text = client.registry.download_uri(version.name, version.version)
    raise InvalidValue(f"The model {uri!r} refers to another, and that again to another.")


def _locate_file(uri: str) -> tuple[ArtifactStore, str]:
    """Split a URI into its directory, which is the root of a store, and its last part."""
    if uris.parse(uri).scheme == uris.PLAIN_PATH:
        directory, name = os.path.split(Path(uri).absolute())
        return host.current().artifact_store(directory), name
    base, mark, query = uri.rstrip("/").partition("?")
    directory, name = posixpath.split(base.rstrip("/"))
    return host.current().artifact_store(directory + mark + query), uris.parse(f"x-:{name}").path
