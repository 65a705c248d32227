"""MLflow's endpoints for data sets for evaluation, and ours for their versions."""

from __future__ import annotations

from typing import Any

from pegboard_stores import refusals
from pegboard_stores.data_sets import DEFAULT_PAGE, DataSet, DataSets
from pegboard_wire.http import Call, Endpoint, Permission
from pegboard_wire.pages import page_json
from pegboard_wire.requests import (
    NOTHING,
    optional_text,
    page_size,
    page_token,
    store_of,
    text,
    texts,
)
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.shapes import INT32, INT64, TEXT, Schema, array, record

from pegboard_tracking.wire import data_set_codec as codec

JsonObject = dict[str, Any]


def data_sets_of(call: Call) -> DataSets:
    """Return the data sets of the store that a call is about; NotSupported."""
    store = store_of(call)
    found = store.ability(DataSets)
    if found is None:
        raise refusals.unsupported("data sets for evaluation", store)
    return found


def _data_set_id(call: Call) -> str:
    return text(call.parameters, "dataset_id")


def _page(call: Call) -> dict[str, Any]:
    fields = call.parameters
    size = page_size(fields, DEFAULT_PAGE)
    return {"max_results": size, "page_token": page_token(fields)}


def _answer(data_set: DataSet) -> JsonObject:
    return {"dataset": codec.data_set_json(data_set)}


# -- data sets -------------------------------------------------------------------------------------


def _create(call: Call) -> JsonObject:
    fields = call.parameters
    made = data_sets_of(call).create(
        text(fields, "name"),
        tags=codec.read_tags(optional_text(fields, "tags")),
        experiment_ids=texts(fields, "experiment_ids"),
    )
    return _answer(made)


def _get(call: Call) -> JsonObject:
    return _answer(data_sets_of(call).get(_data_set_id(call)))


def _delete(call: Call) -> JsonObject:
    data_sets_of(call).delete(_data_set_id(call))
    return NOTHING


def _search(call: Call) -> JsonObject:
    fields = call.parameters
    found = data_sets_of(call).search(
        texts(fields, "experiment_ids", query=True),
        filter=optional_text(fields, "filter_string"),
        order_by=texts(fields, "order_by", query=True),
        **_page(call),
    )
    return page_json("datasets", [codec.data_set_json(each) for each in found], found.token)


def _set_tags(call: Call) -> JsonObject:
    tags = codec.read_tags(text(call.parameters, "tags"))
    data_sets_of(call).set_tags(_data_set_id(call), tags)
    return NOTHING


def _delete_tag(call: Call) -> JsonObject:
    data_sets_of(call).delete_tag(_data_set_id(call), text(call.parameters, "key"))
    return NOTHING


def _experiment_ids(call: Call) -> JsonObject:
    return {"experiment_ids": list(data_sets_of(call).experiment_ids(_data_set_id(call)))}


def _add_to(call: Call) -> JsonObject:
    wanted = texts(call.parameters, "experiment_ids")
    return _answer(data_sets_of(call).add_to(_data_set_id(call), wanted))


def _remove_from(call: Call) -> JsonObject:
    wanted = texts(call.parameters, "experiment_ids")
    return _answer(data_sets_of(call).remove_from(_data_set_id(call), wanted))


# -- records and versions --------------------------------------------------------------------------


def _merge(call: Call) -> JsonObject:
    records = codec.read_given(text(call.parameters, "records"))
    merged = data_sets_of(call).merge(_data_set_id(call), records)
    return {"inserted_count": merged.inserted, "updated_count": merged.updated}


def _records(call: Call) -> JsonObject:
    version = optional_text(call.parameters, "version") or None
    found = data_sets_of(call).records(_data_set_id(call), version=version, **_page(call))
    return _in_a_text("records", codec.records_json(found), found.token)


def _delete_records(call: Call) -> JsonObject:
    wanted = texts(call.parameters, "dataset_record_ids")
    return {"deleted_count": data_sets_of(call).delete_records(_data_set_id(call), wanted)}


def _versions(call: Call) -> JsonObject:
    found = data_sets_of(call).versions(_data_set_id(call), **_page(call))
    return page_json("versions", [codec.version_json(each) for each in found], found.token)


def _diff(call: Call) -> JsonObject:
    before, after = (text(call.parameters, name) for name in ("before", "after"))
    found = data_sets_of(call).diff(_data_set_id(call), before, after, **_page(call))
    return _in_a_text("changes", codec.changes_json(found), found.token)


def _in_a_text(name: str, made: str, token: str | None) -> JsonObject:
    return {name: made, **({"next_page_token": token} if token else {})}


# -- endpoints -------------------------------------------------------------------------------------

BASE, OURS = "/api/3.0/mlflow/datasets", "/api/pegboard/1.0/datasets"
_ONE, _OUR_ONE = BASE + "/{dataset_id}", OURS + "/{dataset_id}"
_TAGS = ("Data sets",)
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_IDS = array(TEXT)
_PAGE: dict[str, Schema] = {"max_results": page_limit(), "page_token": TEXT}
_TOKEN: dict[str, Schema] = {"next_page_token": TEXT}
_DATA_SET = record(
    dataset_id=TEXT, name=TEXT, digest=TEXT, tags=TEXT, created_time=INT64, last_update_time=INT64,
    schema=TEXT, profile=TEXT, created_by=TEXT, last_updated_by=TEXT, experiment_ids=_IDS,
    version=INT64,
)  # fmt: skip
_ANSWER = record(dataset=_DATA_SET)
_VERSION = record(
    version=INT64, digest=TEXT, records=INT64, created_time=INT64, created_by=TEXT, added=INT64,
    changed=INT64, removed=INT64,
)  # fmt: skip
_RECORDS = record(records=TEXT, **_TOKEN)


def _of(*required: str, **fields: Schema) -> Schema:
    """Return the schema of a request about one data set."""
    return record("dataset_id", *required, dataset_id=TEXT, **fields)


ENDPOINTS = [
    Endpoint(
        "POST", BASE + "/create", _create, _WRITE, "Create a data set for evaluation.",
        record("name", name=TEXT, tags=TEXT, experiment_ids=_IDS), _ANSWER, tags=_TAGS,
    ),
    *(
        Endpoint(
            method, BASE + "/search", _search, _READ, "Search data sets for evaluation.",
            record(experiment_ids=_IDS, filter_string=TEXT, order_by=_IDS, **_PAGE),
            record(datasets=array(_DATA_SET), **_TOKEN), tags=_TAGS,
        )
        for method in ("GET", "POST")
    ),
    Endpoint(
        "GET", _ONE, _get, _READ, "Return a data set, without its records.", _of(), _ANSWER,
        tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _ONE, _delete, _DELETE, "Remove a data set with its records and versions.",
        _of(), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "PATCH", _ONE + "/tags", _set_tags, _WRITE, "Set tags of a data set, JSON in a text.",
        _of("tags", tags=TEXT), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _ONE + "/tags/{key}", _delete_tag, _WRITE, "Remove a tag of a data set.",
        _of("key", key=TEXT), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "GET", _ONE + "/experiment-ids", _experiment_ids, _READ,
        "Return the experiments that a data set belongs to.", _of(), record(experiment_ids=_IDS),
        tags=_TAGS,
    ),
    Endpoint(
        "POST", _ONE + "/add-experiments", _add_to, _WRITE,
        "Make a data set one of further experiments.", _of(experiment_ids=_IDS), _ANSWER,
        tags=_TAGS,
    ),
    Endpoint(
        "POST", _ONE + "/remove-experiments", _remove_from, _WRITE,
        "Make a data set none of these experiments any more.", _of(experiment_ids=_IDS), _ANSWER,
        tags=_TAGS,
    ),
    Endpoint(
        "POST", _ONE + "/records", _merge, _WRITE,
        "Add records, or merge them with those of the same inputs; JSON in a text.",
        _of("records", records=TEXT), record(inserted_count=INT32, updated_count=INT32),
        tags=_TAGS,
    ),
    Endpoint(
        "GET", _ONE + "/records", _records, _READ, "Return records, JSON in a text.",
        _of(**_PAGE), _RECORDS, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _ONE + "/records", _delete_records, _WRITE, "Remove records.",
        _of(dataset_record_ids=_IDS), record(deleted_count=INT32), tags=_TAGS,
    ),
    Endpoint(
        "GET", _OUR_ONE + "/versions", _versions, _READ,
        "Return the versions of a data set, the latest first.", _of(**_PAGE),
        record(versions=array(_VERSION), **_TOKEN), tags=_TAGS,
    ),
    Endpoint(
        "GET", _OUR_ONE + "/records", _records, _READ,
        "Return the records of a version, named by its number or digest; JSON in a text.",
        _of(version=TEXT, **_PAGE), _RECORDS, tags=_TAGS,
    ),
    Endpoint(
        "GET", _OUR_ONE + "/diff", _diff, _READ,
        "Return what differs between two versions; JSON in a text.",
        _of("before", "after", before=TEXT, after=TEXT, **_PAGE),
        record(changes=TEXT, **_TOKEN), tags=_TAGS,
    ),
]  # fmt: skip
