"""Endpoints of runs: their life, and finding them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pegboard.entities import ViewType
from pegboard.errors import InvalidValue
from pegboard_wire import scalars
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import (
    NOTHING,
    optional_integer,
    optional_text,
    page_size,
    page_token,
    run_id,
    store_of,
    text,
    texts,
)
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.shapes import INT64, PAIRS, TEXT, array, record

from pegboard_tracking.wire import codec
from pegboard_tracking.wire.schemas import RUN, RUN_INFO, STATUS, VIEW

MAX_TAGS = 1000
"""How many tags a run may be created with."""

_BASE = "/api/2.0/mlflow/runs"
_DEFAULT_EXPERIMENT = "0"


async def _create(call: Call) -> Result:
    given, store = call.parameters, store_of(call)
    create = partial(
        store.create_run,
        optional_text(given, "experiment_id") or _DEFAULT_EXPERIMENT,
        # Beyond the protocol: our client chooses the id, so it can ask again after a lost answer.
        run_id=optional_text(given, "run_id") or None,
        start_time=optional_integer(given, "start_time"),
        run_name=optional_text(given, "run_name") or None,
        user_id=optional_text(given, "user_id"),
        tags=_tags(given),
    )
    return {"run": codec.run_json(await store.soon(create))}


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    tags = scalars.items(given.get("tags"), "tags")
    if len(tags) > MAX_TAGS:
        raise InvalidValue(
            f"A run is created with {len(tags)} tags; {MAX_TAGS} are allowed.",
            hint="Set more of them afterwards.",
        )
    return dict(read_pairs(tags, "tags"))


def _get(call: Call) -> Result:
    return {"run": codec.run_json(store_of(call).get_run(run_id(call.parameters)))}


async def _update(call: Call) -> Result:
    given, store = call.parameters, store_of(call)
    status = given.get("status")
    update = partial(
        store.update_run,
        run_id(given),
        end_time=optional_integer(given, "end_time"),
        status=None if status is None else scalars.status(status),
        run_name=optional_text(given, "run_name") or None,
    )
    return {"run_info": codec.run_info_json(await store.soon(update))}


def _delete(call: Call) -> Result:
    store_of(call).delete_run(text(call.parameters, "run_id"))
    return NOTHING


def _restore(call: Call) -> Result:
    store_of(call).restore_run(text(call.parameters, "run_id"))
    return NOTHING


def _search(call: Call) -> Result:
    given = call.parameters
    view = scalars.get(given, "run_view_type")
    found = store_of(call).search_runs(
        texts(given, "experiment_ids"),
        filter=optional_text(given, "filter"),
        max_results=page_size(given, 1000),
        order_by=texts(given, "order_by"),
        view=ViewType.ACTIVE_ONLY if view is None else scalars.view(view, "run_view_type"),
        page_token=page_token(given),
    )
    return page_json("runs", [*map(codec.run_json, found)], found.token)


_ID = record("run_id", run_id=TEXT)
_EITHER_ID = record("run_id", run_id=TEXT, run_uuid=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST",
        f"{_BASE}/create",
        _create,
        Permission.WRITE,
        "Create a running run.",
        record(experiment_id=TEXT, user_id=TEXT, run_name=TEXT, start_time=INT64, tags=PAIRS),
        record(run=RUN),
    ),
    Endpoint(
        "GET",
        f"{_BASE}/get",
        _get,
        Permission.READ,
        "Return a run with its latest data, deleted ones too.",
        _EITHER_ID,
        record(run=RUN),
    ),
    Endpoint(
        "POST",
        f"{_BASE}/update",
        _update,
        Permission.WRITE,
        "Change the status, end or name of a run.",
        record(
            "run_id",
            run_id=TEXT,
            run_uuid=TEXT,
            status=STATUS,
            end_time=INT64,
            run_name=TEXT,
        ),
        record(run_info=RUN_INFO),
    ),
    Endpoint(
        "POST",
        f"{_BASE}/delete",
        _delete,
        Permission.DELETE,
        "Mark a run as deleted.",
        _ID,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/restore",
        _restore,
        Permission.WRITE,
        "Bring a deleted run back.",
        _ID,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/search",
        _search,
        Permission.READ,
        "Return runs that match.",
        record(
            experiment_ids=array(TEXT),
            filter=TEXT,
            run_view_type=VIEW,
            max_results=page_limit(),
            order_by=array(TEXT),
            page_token=TEXT,
        ),
        record(runs=array(RUN), next_page_token=TEXT),
    ),
]
