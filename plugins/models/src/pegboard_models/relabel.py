"""Changing what ``MLmodel`` says of a model that was logged already."""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path

from pegboard import uris
from pegboard.errors import InvalidValue
from pegboard_scripting import model_uris

from pegboard_models.mlmodel import Model
from pegboard_models.model_files import FILE_NAME, local_copy
from pegboard_models.signature import ModelSignature


def set_signature(uri: str, signature: ModelSignature) -> None:
    """Replace the signature of a logged model, of a run's model, or of one in any other place.

    InvalidValue for a version of a registered model: what was registered does not change.
    """
    if uris.parse(uri).scheme in (uris.PLAIN_PATH, "file"):
        directory = local_copy(uri)
        _changed(Model.load(directory), signature).save(directory)
        return
    if model_uris.is_model_uri(uri) and model_uris.parse(uri).model_id is None:
        raise InvalidValue(
            f"The version {uri!r} of a registered model cannot be given another signature.",
            hint="Set that of the logged model (models:/m-…), and register it again.",
        )
    from pegboard_scripting.client import Client, transfer

    client = Client()
    named = client.named_files(uri)
    mlmodel = _changed(Model.load(local_copy(uri)), signature)
    with tempfile.TemporaryDirectory(prefix="pegboard-") as place:
        mlmodel.save(place)
        target = posixpath.join(named.path, FILE_NAME)
        transfer.upload_file(client.open_files(named), Path(place, FILE_NAME), target)


def _changed(mlmodel: Model, signature: ModelSignature) -> Model:
    mlmodel.signature = signature
    mlmodel.is_signature_from_type_hint = False
    return mlmodel
