"""Endpoints beyond MLflow's protocol, for our own clients.

What is below ``/api/pegboard/`` no other server knows, which is how clients tell them apart.
"""

from __future__ import annotations

import re

from pegboard.contracts.logged_models import USERS_PAGE
from pegboard.errors import InvalidValue, NotSupported, PegboardError
from pegboard_stores import list_tags
from pegboard_stores.abilities import Heartbeats, PackedPoints
from pegboard_stores.uploads import PartUploads
from pegboard_wire import places
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING, page_size, page_token, store_of, text, texts
from pegboard_wire.scalars import boolean, get, items, message
from pegboard_wire.schemas import EMPTY, at_most, page_limit
from pegboard_wire.shapes import BOOLEAN, TEXT, array, record

from pegboard_tracking.points import packed_points
from pegboard_tracking.wire import batches

MAX_RUNS = 1000
"""How many runs one heartbeat may name."""

_WRITER = re.compile(r"[\w\-]{1,100}", re.ASCII)
_BASE = "/api/pegboard/1.0"
ADD_TO_TAG = f"{_BASE}/tags/add"
MAX_ENTRIES = 100
"""How many entries one request may add to a tag."""


def _abilities(call: Call) -> Result:
    store = store_of(call)
    found: dict[str, object] = {
        "sampled_history": True,
        "resumable_uploads": _takes_parts(call),
        "list_tags": True,
    }
    if (heartbeats := store.ability(Heartbeats)) is not None:
        found["heartbeat_seconds"] = heartbeats.seconds
    if store.ability(PackedPoints) is not None:
        found["packed_points"] = True
    return found


def _takes_parts(call: Call) -> bool:
    try:
        return places.destination(call).store.ability(PartUploads) is not None
    except PegboardError:
        # It keeps no files, or cannot reach them now: then a whole file says what is wrong.
        return False


def _beat(call: Call) -> Result:
    given = call.parameters
    writer, runs, ended = text(given, "writer"), texts(given, "run_ids"), texts(given, "ended")
    leaves = get(given, "leaves")
    if _WRITER.fullmatch(writer) is None:
        raise InvalidValue(f"The field 'writer' is {writer[:60]!r}, not the id of a writer.")
    if len(runs) + len(ended) > MAX_RUNS:
        raise InvalidValue(
            f"A heartbeat names {len(runs) + len(ended)} runs; {MAX_RUNS} are allowed."
        )
    heartbeats = store_of(call).ability(Heartbeats)
    if heartbeats is None:
        raise NotSupported("The store of this server knows no signs of life.")
    if leaves is not None and boolean(leaves, "leaves"):
        heartbeats.forget(writer)
    else:
        heartbeats.hear(writer, runs, ended)
    return NOTHING


def _log_packed(call: Call) -> Result:
    packed, batch = store_of(call).ability(PackedPoints), call.headers.get(batches.HEADER)
    if packed is None:
        raise NotSupported("The store of this server takes no packed points.")
    if not batch:
        raise InvalidValue(f"The header {batches.HEADER} is missing: NAME:NUMBER of the batch.")
    packed.log(batches.read(batch), *packed_points.unpack(call.content))
    return NOTHING


def _add_to_tag(call: Call) -> Result:
    given = call.parameters
    key = text(given, "key")
    entries = [message(each, "entries") for each in items(get(given, "entries"), "entries")]
    if len(entries) > MAX_ENTRIES:
        raise InvalidValue(f"The field 'entries' has {len(entries)}; {MAX_ENTRIES} are allowed.")
    tags = list_tags.of(store_of(call))
    run, model = get(given, "run_id"), get(given, "model_id")
    if (run is None) == (model is None):
        raise InvalidValue("Either 'run_id' or 'model_id' says whose tag it is.")
    if run is not None:
        tags.add_to_run(text(given, "run_id"), key, entries)
    else:
        tags.add_to_model(text(given, "model_id"), key, entries)
    return NOTHING


def _users(call: Call) -> Result:
    given = call.parameters
    found = (
        store_of(call)
        .logged_models()
        .used_by(
            text(given, "model_id"),
            max_results=page_size(given, USERS_PAGE),
            page_token=page_token(given),
        )
    )
    return page_json("run_ids", found, found.token)


ENDPOINTS = [
    Endpoint(
        "GET",
        f"{_BASE}/abilities",
        _abilities,
        Permission.PUBLIC,
        "What this server can do beyond MLflow's protocol.",
        response=record(
            heartbeat_seconds={"type": "number"},
            packed_points=BOOLEAN,
            sampled_history=BOOLEAN,
            resumable_uploads=BOOLEAN,
            list_tags=BOOLEAN,
        ),
    ),
    Endpoint(
        "POST",
        packed_points.PATH,
        _log_packed,
        Permission.WRITE,
        "Add points to metrics of a run, packed as journals keep them; a batch is taken once.",
        response=EMPTY,
        raw=True,
        max_body=packed_points.MAX_BYTES,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/runs/heartbeat",
        _beat,
        Permission.WRITE,
        "Say that a client and its runs are alive; runs whose client falls silent become LOST.",
        record(
            "writer",
            writer=TEXT,
            run_ids=at_most(MAX_RUNS, TEXT),
            ended=at_most(MAX_RUNS, TEXT),
            leaves=BOOLEAN,
        ),
        EMPTY,
    ),
    Endpoint(
        "POST",
        ADD_TO_TAG,
        _add_to_tag,
        Permission.WRITE,
        "Add entries to a tag of a run or logged model that holds a list, each once, in one step.",
        record(
            "key",
            "entries",
            run_id=TEXT,
            model_id=TEXT,
            key=TEXT,
            entries=at_most(MAX_ENTRIES, {"type": "object"}),
        ),
        EMPTY,
    ),
    Endpoint(
        "GET",
        f"{_BASE}/logged-models/{{model_id}}/users",
        _users,
        Permission.READ,
        "Return the runs that use a logged model, the last started first.",
        record("model_id", model_id=TEXT, max_results=page_limit(), page_token=TEXT),
        record(run_ids=array(TEXT), next_page_token=TEXT),
        tags=("Logged models",),
    ),
]
