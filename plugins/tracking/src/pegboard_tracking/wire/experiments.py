"""Endpoints of experiments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pegboard.entities import ViewType
from pegboard.errors import InvalidState, InvalidValue, NotFound, quoted
from pegboard_stores import validation
from pegboard_wire import locations, scalars
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import (
    NOTHING,
    Fields,
    optional_text,
    page_size,
    page_token,
    store_of,
    text,
    texts,
)
from pegboard_wire.schemas import EMPTY, at_most, page_limit
from pegboard_wire.shapes import PAIRS, TEXT, array, record

from pegboard_tracking.wire import codec, sentences
from pegboard_tracking.wire.schemas import DATASET_SUMMARY, EXPERIMENT, VIEW

MAX_SEARCHED = 20
"""For how many experiments the datasets may be asked for at once."""

_ORDER = ("creation_time DESC", "experiment_id ASC")
"""The order of a search that names none, as clients of MLflow know it."""

_BASE = "/api/2.0/mlflow/experiments"


def _create(call: Call) -> Result:
    given = call.parameters
    name, location = text(given, "name"), optional_text(given, "artifact_location")
    tags = dict(read_pairs(given.get("tags"), "tags"))
    made = store_of(call).create_experiment(
        name,
        artifact_location=locations.checked(call, location) if location else None,
        tags=tags,
    )
    return {"experiment_id": made.experiment_id}


def _get(call: Call) -> Result:
    found = store_of(call).get_experiment(text(call.parameters, "experiment_id"))
    return {"experiment": codec.experiment_json(found)}


def _get_by_name(call: Call) -> Result:
    name = text(call.parameters, "experiment_name")
    found = store_of(call).get_experiment_by_name(name)
    if found is None:
        raise NotFound(f"There is no experiment with the name {quoted(name)}.").about(
            "no_experiment_of_name", name=name
        )
    return {"experiment": codec.experiment_json(found)}


def _search_by_query(call: Call) -> Result:
    return _search(call, query=True)


def _search(call: Call, *, query: bool = False) -> Result:
    given = call.parameters
    found = store_of(call).search_experiments(
        max_results=page_size(given, 1000, bits=64),
        order_by=texts(given, "order_by", query=query) or _ORDER,
        filter=optional_text(given, "filter"),
        page_token=page_token(given),
        view=_view(given),
    )
    return page_json("experiments", [*map(codec.experiment_json, found)], found.token)


def _view(given: Fields) -> ViewType:
    value = scalars.get(given, "view_type")
    return ViewType.ACTIVE_ONLY if value is None else scalars.view(value)


def _rename(call: Call) -> Result:
    given = call.parameters
    store_of(call).rename_experiment(text(given, "experiment_id"), text(given, "new_name"))
    return NOTHING


def _delete(call: Call) -> Result:
    with _gone_if_done():
        store_of(call).delete_experiment(text(call.parameters, "experiment_id"))
    return NOTHING


def _restore(call: Call) -> Result:
    with _gone_if_done():
        store_of(call).restore_experiment(text(call.parameters, "experiment_id"))
    return NOTHING


@contextmanager
def _gone_if_done() -> Iterator[None]:
    """Say as MLflow's servers do that there is no such experiment, if it is deleted or restored.

    Their clients look for that, and take the status of other answers for a reason to try again.
    """
    try:
        yield
    except InvalidState as error:
        raise NotFound(error.message, hint=error.hint).about(error.fault, **error.facts) from error


def _set_tag(call: Call) -> Result:
    given = call.parameters
    experiment_id, key = text(given, "experiment_id"), text(given, "key")
    tag = {validation.key(key, "experiment tag"): optional_text(given, "value")}
    store_of(call).set_experiment_tags(experiment_id, tag)
    return NOTHING


def _delete_tag(call: Call) -> Result:
    given = call.parameters
    store_of(call).delete_experiment_tag(text(given, "experiment_id"), text(given, "key"))
    return NOTHING


def _search_datasets(call: Call) -> Result:
    wanted = texts(call.parameters, "experiment_ids")
    if not 1 <= len(wanted) <= MAX_SEARCHED:
        raise InvalidValue(
            f"The field 'experiment_ids' has {len(wanted)} items, not from 1 to {MAX_SEARCHED}."
        ).about("many_items" if wanted else "no_items", count=len(wanted), limit=MAX_SEARCHED)
    found = store_of(call).search_datasets(wanted)
    return {"dataset_summaries": [*map(codec.dataset_summary_json, found)]}


_ID = record("experiment_id", experiment_id=TEXT)
_SEARCH = record(
    max_results=page_limit(),
    page_token=TEXT,
    filter=TEXT,
    order_by=array(TEXT),
    view_type=VIEW,
)
_FOUND = record(experiments=array(EXPERIMENT), next_page_token=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST",
        f"{_BASE}/create",
        _create,
        Permission.WRITE,
        "Create an experiment.",
        record("name", name=TEXT, artifact_location=TEXT, tags=PAIRS),
        record(experiment_id=TEXT),
    ),
    Endpoint(
        "GET",
        f"{_BASE}/get",
        _get,
        Permission.READ,
        "Return an experiment, deleted ones too.",
        _ID,
        record(experiment=EXPERIMENT),
    ),
    Endpoint(
        "GET",
        f"{_BASE}/get-by-name",
        _get_by_name,
        Permission.READ,
        "Return the experiment of a name, deleted ones too.",
        record("experiment_name", experiment_name=TEXT),
        record(experiment=EXPERIMENT),
    ),
    Endpoint(
        "POST",
        f"{_BASE}/search",
        _search,
        Permission.READ,
        "Return experiments that match.",
        _SEARCH,
        _FOUND,
    ),
    Endpoint(
        "GET",
        f"{_BASE}/search",
        _search_by_query,
        Permission.READ,
        "Return experiments that match.",
        _SEARCH,
        _FOUND,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/update",
        _rename,
        Permission.WRITE,
        "Rename an experiment.",
        record("experiment_id", "new_name", experiment_id=TEXT, new_name=TEXT),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/delete",
        _delete,
        Permission.DELETE,
        "Mark an experiment and its runs as deleted.",
        _ID,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/restore",
        _restore,
        Permission.WRITE,
        "Bring a deleted experiment and its runs back.",
        _ID,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/set-experiment-tag",
        _set_tag,
        Permission.WRITE,
        "Set a tag of an experiment.",
        record("experiment_id", "key", experiment_id=TEXT, key=TEXT, value=TEXT),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/delete-experiment-tag",
        _delete_tag,
        Permission.DELETE,
        "Remove a tag of an experiment.",
        record("experiment_id", "key", experiment_id=TEXT, key=TEXT),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/search-datasets",
        _search_datasets,
        Permission.READ,
        "Return the datasets that runs of experiments used.",
        record("experiment_ids", experiment_ids=at_most(MAX_SEARCHED, TEXT)),
        record(dataset_summaries=array(DATASET_SUMMARY)),
        sentences=sentences.many("SearchDatasets", "experiment_id"),
    ),
]
