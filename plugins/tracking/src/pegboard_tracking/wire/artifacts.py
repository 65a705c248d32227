"""Endpoints of files: those of runs and models, and MLflow's proxy for all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue
from pegboard_wire import places
from pegboard_wire.http import Answer, Endpoint, Permission
from pegboard_wire.pairs import JsonObject
from pegboard_wire.requests import NOTHING, optional_text, run_id, store_of, text
from pegboard_wire.schemas import EMPTY
from pegboard_wire.sending import send
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, record

from pegboard_tracking.wire import codec, sentences, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pegboard_wire.http import Call
    from pegboard_wire.places import Place

PROXY = "/api/2.0/mlflow-artifacts"
_FILES = f"{PROXY}/artifacts"
_FILE = _FILES + "/{artifact_path:path}"
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_TAGS = ("artifacts",)


# -- files of runs and models ----------------------------------------------------------------------


def _list_of_run(call: Call) -> JsonObject:
    info = store_of(call).get_run(run_id(call.parameters)).info
    # A directory's files come on one page, as MLflow's server sends them.
    files = places.place_of(call, info.artifact_uri).list(optional_text(call.parameters, "path"))
    return {"root_uri": info.artifact_uri, **_files_json(files)}


def _files_json(files: Sequence[FileInfo]) -> JsonObject:
    return {"files": [codec.file_json(file) for file in files]} if files else {}


def _place_of_run(call: Call, named: str = "run_id") -> Place:
    info = store_of(call).get_run(run_id(call.parameters, named)).info
    return places.place_of(call, info.artifact_uri)


def _get_of_run(call: Call) -> Answer:
    place = _place_of_run(call)
    return send(call.headers, place.store, _file(place, call, "path"))


async def _upload_to_run(call: Call) -> Answer:
    # MLflow's pages send the run under the name it had before MLflow 1.
    place = await asyncio.to_thread(_place_of_run, call, "run_uuid")
    return await transfer.put(call, place.store, _file(place, call, "path"))


def _get_of_model(call: Call) -> Answer:
    model = store_of(call).logged_models().get(text(call.parameters, "model_id"))
    place = places.place_of(call, model.artifact_location)
    return send(call.headers, place.store, _file(place, call, "artifact_file_path"))


def _file(place: Place, call: Call, name: str) -> str:
    given = text(call.parameters, name)
    path = place.path(given)
    if path == place.directory:
        raise InvalidValue(f"The field {name!r} names no file.")
    return path


# -- the proxy -------------------------------------------------------------------------------------


def _list(call: Call) -> JsonObject:
    found = places.destination(call).list(optional_text(call.parameters, "path"))
    # Here names are relative to the directory that is listed.
    return _files_json([FileInfo(f.path.rpartition("/")[2], f.is_dir, f.file_size) for f in found])


def _get(call: Call) -> Answer:
    place = places.destination(call)
    return send(call.headers, place.store, _file(place, call, "artifact_path"))


async def _put(call: Call) -> Answer:
    place = places.destination(call)
    return await transfer.put(call, place.store, _file(place, call, "artifact_path"))


def _delete(call: Call) -> JsonObject:
    place = places.destination(call)
    place.store.delete(_file(place, call, "artifact_path"))
    return NOTHING


FILE = record(path=TEXT, is_dir=BOOLEAN, file_size=INT64)
_OF_RUN = record("path", run_id=TEXT, run_uuid=TEXT, path=TEXT)
_ONE = record("artifact_path", artifact_path=TEXT)

ENDPOINTS = [
    Endpoint(
        "GET", "/api/2.0/mlflow/artifacts/list", _list_of_run, _READ, "List files of a run.",
        record("run_id", run_id=TEXT, run_uuid=TEXT, path=TEXT, page_token=TEXT),
        record(root_uri=TEXT, files=array(FILE), next_page_token=TEXT), tags=_TAGS,
    ),
    Endpoint("GET", "/get-artifact", _get_of_run, _READ, "Download a file of a run.", _OF_RUN,
             tags=_TAGS),
    Endpoint("POST", "/api/2.0/mlflow/upload-artifact", _upload_to_run, _WRITE,
             "Upload a file to a run.", _OF_RUN, EMPTY, streams=True, tags=_TAGS,
             sentences=sentences.UPLOAD),
    Endpoint(
        "GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/files", _get_of_model, _READ,
        "Download a file of a logged model.",
        record("model_id", "artifact_file_path", model_id=TEXT, artifact_file_path=TEXT),
        tags=_TAGS,
    ),
    Endpoint("GET", _FILES, _list, _READ, "List files behind the server.", record(path=TEXT),
             record(files=array(FILE)), tags=_TAGS),
    Endpoint("GET", _FILE, _get, _READ, "Download a file.", _ONE, tags=_TAGS),
    Endpoint("PUT", _FILE, _put, _WRITE, "Upload a file.", _ONE, EMPTY, streams=True, tags=_TAGS),
    Endpoint("DELETE", _FILE, _delete, _DELETE, "Delete a file, or all below a directory.", _ONE,
             EMPTY, tags=_TAGS),
]  # fmt: skip
