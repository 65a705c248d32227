"""Changing what ``MLmodel`` says of a model that was logged already."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pegboard import model_uris, uris
from pegboard.errors import InvalidValue, NotFound

from pegboard_models import loading
from pegboard_models.mlmodel import FILE_NAME, Model
from pegboard_models.signature import ModelSignature


def set_signature(uri: str, signature: ModelSignature) -> None:
    """Replace the signature of a logged model, of a run's model, or of one in a directory.

    InvalidValue for a version of a registered model: what was registered does not change.
    """
    if model_uris.is_model_uri(uri) and model_uris.parse(uri).model_id is None:
        raise InvalidValue(
            f"The version {uri!r} of a registered model cannot be given another signature.",
            hint="Set that of the logged model (models:/m-…), and register it again.",
        )
    mlmodel = Model.load(loading.local_copy(uri))
    mlmodel.signature = signature
    mlmodel.is_signature_from_type_hint = False
    if uris.parse(uri).scheme in (uris.PLAIN_PATH, "file"):
        mlmodel.save(loading.local_copy(uri))
        return
    with tempfile.TemporaryDirectory(prefix="pegboard-") as directory:
        mlmodel.save(directory)
        _upload(uri, Path(directory, FILE_NAME))


def _upload(uri: str, file: Path) -> None:
    from pegboard.client import Client

    client = Client()
    if model_uris.is_model_uri(uri):
        client.log_model_artifact(str(model_uris.parse(uri).model_id), file)
        return
    if uris.parse(uri).scheme != "runs":
        raise InvalidValue(f"The files of {uri!r} cannot be changed.")
    run_id, _, path = uris.parse(uri).path.lstrip("/").partition("/")
    if not path:
        raise NotFound(f"{uri!r} names a run, but no model of it.")
    client.log_artifact(run_id, file, path)
