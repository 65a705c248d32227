"""Artifacts by URI: of runs (``runs:/ID/path``), of models (``models:/…``) or of any store."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue
from pegboard.paths import RelativePath, text

from pegboard_scripting.client import transfer
from pegboard_scripting.client.artifacts import fetch_files, list_files
from pegboard_scripting.client.opening import open_named

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.entities import FileInfo
    from PIL.Image import Image

    from pegboard_scripting.resolver import NamedFiles


def download_artifacts(
    artifact_uri: str | os.PathLike[str] | None = None,
    run_id: str | None = None,
    artifact_path: RelativePath | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Copy a file or directory to ``dst_path`` and return where it is now.

    It is named by ``artifact_uri`` (``Client.named_files`` lists the forms: of runs, models and
    their versions, each perhaps followed by the path of a file, of artifact stores, plain paths),
    or by ``run_id`` and ``artifact_path`` (without one, all of the run's). Without ``dst_path``:
    return where it lies, if on this machine, else copy it to a new temporary directory.
    """
    store, named = _opened(artifact_uri, run_id, artifact_path, tracking_uri)
    return str(fetch_files(store, named, dst_path))


def list_artifacts(
    artifact_uri: str | os.PathLike[str] | None = None,
    run_id: str | None = None,
    artifact_path: RelativePath | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Return what is directly below a directory, sorted by path."""
    store, named = _opened(artifact_uri, run_id, artifact_path, tracking_uri)
    return list_files(store, named)


def load_text(artifact_uri: str | os.PathLike[str]) -> str:
    """Return the content of a text file (UTF-8)."""
    content = _content(artifact_uri)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(
            f"The artifact {artifact_uri!r} is not UTF-8 text.",
            hint="Use download_artifacts, and open the file with its own encoding.",
        ) from error


def load_dict(artifact_uri: str | os.PathLike[str]) -> Any:
    """Return the content of a JSON file."""
    try:
        return json.loads(load_text(artifact_uri))
    except json.JSONDecodeError as error:
        raise InvalidValue(f"The artifact {artifact_uri!r} is not JSON: {error}.") from error


def load_image(artifact_uri: str | os.PathLike[str]) -> Image:
    """Return the content of an image file as a Pillow image."""
    import io

    from pegboard_scripting.client.images import load_pillow

    pillow = load_pillow()
    try:
        image: Image = pillow.open(io.BytesIO(_content(artifact_uri)))
        image.load()
    except OSError as error:
        raise InvalidValue(f"The artifact {artifact_uri!r} is not an image.") from error
    return image


def _content(artifact_uri: str | os.PathLike[str]) -> bytes:
    store, named = _opened(artifact_uri, None, None, None)
    return transfer.read_bytes(store, named.path)


def _opened(
    artifact_uri: str | os.PathLike[str] | None,
    run_id: str | None,
    artifact_path: RelativePath | None,
    tracking_uri: str | None,
) -> tuple[ArtifactStore, NamedFiles]:
    """Return the files that are asked for, and the store that they are in."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValue("Name the artifact by either artifact_uri or run_id.")
    if artifact_uri is None:
        artifact_uri = f"runs:/{run_id}/{text(artifact_path or '')}"
    elif artifact_path is not None:
        raise InvalidValue("artifact_path goes with run_id; extend artifact_uri instead.")
    return open_named(artifact_uri, tracking_uri)
