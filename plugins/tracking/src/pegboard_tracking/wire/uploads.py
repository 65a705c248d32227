"""Endpoints of uploads in parts, and how clients learn of them.

The parts of an upload go to this server too. They may come in any order and at the same time; one
that broke off is sent again, and which have arrived can be asked for.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pegboard.errors import InvalidValue, NotSupported
from pegboard_stores.uploads import MAX_PARTS, PartUploads
from pegboard_wire import places
from pegboard_wire.http import Answer, Endpoint, Permission
from pegboard_wire.pairs import JsonObject
from pegboard_wire.requests import NOTHING, optional_integer, optional_text, store_of, text
from pegboard_wire.scalars import get, integer, items, message, need
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, mapping, record

from pegboard_tracking.wire import transfer
from pegboard_tracking.wire.artifacts import PROXY

if TYPE_CHECKING:
    from pegboard_wire.http import Call

_PART = f"{PROXY}/mpu/part"
_TAGS = ("artifacts",)


def _parts(call: Call) -> PartUploads:
    parts = places.destination(call).store.ability(PartUploads)
    if parts is None:
        # These words tell MLflow's client to send the file as a whole.
        raise NotSupported("Multipart upload is not supported for the current artifact repository.")
    return parts


def _target(call: Call) -> str:
    # The client names its own file; only the last part of that path says something here.
    name = posixpath.basename(text(call.parameters, "path").replace("\\", "/"))
    if not name:
        raise InvalidValue("The field 'path' names no file.")
    directory = places.checked(text(call.parameters, "artifact_path"))
    return places.checked(posixpath.join(directory, name))


def _create(call: Call) -> JsonObject:
    parts, target = _parts(call), _target(call)
    count = optional_integer(call.parameters, "num_parts") or 1
    if not 1 <= count <= MAX_PARTS:
        raise InvalidValue(f"The field 'num_parts' is {count}, not from 1 to {MAX_PARTS}.")
    upload_id = parts.create(target)
    base = f"{call.server_url}{_PART}?"
    return {
        "upload_id": upload_id,
        "credentials": [
            {
                "url": base + urlencode({"upload_id": upload_id, "part_number": number}),
                "part_number": number,
                "headers": {},
            }
            for number in range(1, count + 1)
        ],
    }


async def _put_part(call: Call) -> Answer:
    parts = _parts(call)
    upload_id = text(call.parameters, "upload_id")
    number = integer(need(call.parameters, "part_number"), "part_number")
    incoming = await asyncio.to_thread(parts.receive, upload_id, number)
    await transfer.receive(call, incoming)
    await asyncio.to_thread(incoming.keep)
    return Answer(b"{}", headers={"etag": f'"{incoming.digest}"'})


def _list(call: Call) -> JsonObject:
    found = _parts(call).list(text(call.parameters, "upload_id"))
    return {
        "parts": [
            {"part_number": part.number, "etag": f'"{part.digest}"', "size": part.size}
            for part in found
        ]
    }


def _complete(call: Call) -> Answer:
    parts, target = _parts(call), _target(call)
    upload_id = text(call.parameters, "upload_id")
    _check_target(parts, upload_id, target)
    digest = optional_text(call.parameters, "sha256") or None
    return transfer.stored(parts.complete(upload_id, _wanted(call), digest))


def _wanted(call: Call) -> Sequence[tuple[int, str | None]]:
    found = []
    for item in items(need(call.parameters, "parts"), "parts"):
        fields = message(item, "part")
        number = integer(need(fields, "part_number"), "part_number")
        etag = get(fields, "etag")
        found.append((number, str(etag).strip('"') if etag else None))
    return found


def _check_target(parts: PartUploads, upload_id: str, target: str) -> None:
    begun = parts.path_of(upload_id)
    if begun != target:
        raise InvalidValue(f"The upload was begun for another file than {target!r}.")


def _abort(call: Call) -> JsonObject:
    parts, upload_id = _parts(call), text(call.parameters, "upload_id")
    _check_target(parts, upload_id, _target(call))
    parts.remove(upload_id)
    return NOTHING


def _server_info(call: Call) -> JsonObject:
    keeps_files = store_of(call).artifact_destination() is not None
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        # MLflow's clients gain nothing by parts that go through one server; the setting
        # MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD makes them send parts all the same.
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "resumable_uploads_enabled": keeps_files,
        "features_enabled": {},
    }


_UPLOAD = record(
    "artifact_path", "path", "upload_id", artifact_path=TEXT, path=TEXT, upload_id=TEXT
)
_ONE_PART = record(part_number=INT64, etag=TEXT, url=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST", PROXY + "/mpu/create/{artifact_path:path}", _create, Permission.WRITE,
        "Begin an upload in parts.",
        record("artifact_path", "path", artifact_path=TEXT, path=TEXT, num_parts=INT64),
        record(
            upload_id=TEXT,
            credentials=array(record(url=TEXT, part_number=INT64, headers=mapping(TEXT))),
        ),
        tags=_TAGS,
    ),
    # The id of the upload, which only its owner knows, allows it: MLflow's client sends no other
    # credentials to the address that it was given.
    Endpoint(
        "PUT", _PART, _put_part, Permission.PUBLIC, "Send a part, or send it again.",
        record("upload_id", "part_number", upload_id=TEXT, part_number=INT64), EMPTY,
        streams=True, tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{PROXY}/mpu/parts", _list, Permission.WRITE, "List the parts that have arrived.",
        record("upload_id", upload_id=TEXT),
        record(parts=array(record(part_number=INT64, etag=TEXT, size=INT64))), tags=_TAGS,
    ),
    Endpoint(
        "POST", PROXY + "/mpu/complete/{artifact_path:path}", _complete, Permission.WRITE,
        "Make a file of the parts.",
        record(
            "artifact_path", "path", "upload_id", "parts",
            artifact_path=TEXT, path=TEXT, upload_id=TEXT, parts=array(_ONE_PART), sha256=TEXT,
        ),
        EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "POST", PROXY + "/mpu/abort/{artifact_path:path}", _abort, Permission.WRITE,
        "Give up an upload in parts.", _UPLOAD, EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "GET", "/api/3.0/mlflow/server-info", _server_info, Permission.PUBLIC,
        "What the server can do.",
        response=record(
            store_type=TEXT, workspaces_enabled=BOOLEAN, trace_archival_enabled=BOOLEAN,
            multipart_uploads_enabled=BOOLEAN, multipart_downloads_enabled=BOOLEAN,
            resumable_uploads_enabled=BOOLEAN, features_enabled=mapping(BOOLEAN),
        ),
        tags=_TAGS,
    ),
]  # fmt: skip
