"""MLflow's endpoints for logged models."""

from __future__ import annotations

from typing import Any

from pegboard.contracts.logged_models import (
    DEFAULT_PAGE,
    DatasetFilter,
    LoggedModelStore,
    ModelOrder,
)
from pegboard.entities import LoggedModel, LoggedModelStatus
from pegboard.errors import InvalidValue
from pegboard_wire import places
from pegboard_wire.http import Call, Endpoint, Permission
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import JsonObject, pairs_json, read_pairs
from pegboard_wire.requests import optional_text, page_size, page_token, store_of, text, texts
from pegboard_wire.scalars import boolean, get, integer, items, message, missing, need
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.shapes import BOOLEAN, INT64, PAIRS, TEXT, array, choice, record

from pegboard_tracking.wire import codec
from pegboard_tracking.wire.schemas import METRIC

_NAMES = {
    LoggedModelStatus.UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
_STATUSES = {name: status for status, name in _NAMES.items()}
_NUMBERS = dict(enumerate(_STATUSES.values()))


def model_json(model: LoggedModel) -> JsonObject:
    """Return a logged model."""
    info: JsonObject = {
        "model_id": model.model_id,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "creation_timestamp_ms": model.creation_timestamp,
        "last_updated_timestamp_ms": model.last_updated_timestamp,
        "artifact_uri": model.artifact_location,
        "status": status_json(model.status),
        "model_type": model.model_type or "",
        "source_run_id": model.source_run_id or "",
    }
    if model.status_message:
        info["status_message"] = model.status_message
    if model.tags:
        info["tags"] = pairs_json(model.tags)
    data: JsonObject = {}
    if model.params:
        data["params"] = pairs_json(model.params)
    if model.metrics:
        data["metrics"] = [codec.metric_json(point) for point in model.metrics]
    return {"info": info, "data": data}


def read_model(value: Any) -> LoggedModel:
    """Read a logged model."""
    fields = message(value, "model")
    info, data = message(need(fields, "info"), "info"), message(get(fields, "data") or {}, "data")
    return LoggedModel(
        optional_text(info, "experiment_id"),
        text(info, "model_id"),
        optional_text(info, "name"),
        optional_text(info, "artifact_uri"),
        integer(get(info, "creation_timestamp_ms") or 0, "creation_timestamp_ms"),
        integer(get(info, "last_updated_timestamp_ms") or 0, "last_updated_timestamp_ms"),
        optional_text(info, "model_type") or None,
        optional_text(info, "source_run_id") or None,
        read_status(get(info, "status") or 0),
        optional_text(info, "status_message") or None,
        dict(read_pairs(get(info, "tags"), "tags")),
        dict(read_pairs(get(data, "params"), "params")),
        codec.read_metrics(get(data, "metrics")),
    )


def status_json(status: LoggedModelStatus) -> str:
    """Return the name of a status."""
    return _NAMES[status]


def read_status(value: Any) -> LoggedModelStatus:
    """Return the status that a name or number of the protocol stands for."""
    if isinstance(value, str) and value in _STATUSES:
        return _STATUSES[value]
    if type(value) is int and value in _NUMBERS:
        return _NUMBERS[value]
    raise InvalidValue(
        f"The field 'status' is {str(value)[:60]!r}.", hint=f"Known are: {', '.join(_STATUSES)}."
    ).about("wrong_field", field="status", value=value)


# -- handlers --------------------------------------------------------------------------------------


def _store(call: Call) -> LoggedModelStore:
    return store_of(call).logged_models()


def _id(call: Call) -> str:
    return text(call.parameters, "model_id")


def _pairs(call: Call, name: str) -> dict[str, str]:
    return dict(read_pairs(get(call.parameters, name), name))


def _create(call: Call) -> JsonObject:
    fields = call.parameters
    model = _store(call).create(
        text(fields, "experiment_id"),
        name=optional_text(fields, "name") or None,
        source_run_id=optional_text(fields, "source_run_id") or None,
        model_type=optional_text(fields, "model_type") or None,
        params=_pairs(call, "params"),
        tags=_pairs(call, "tags"),
    )
    return {"model": model_json(model)}


def _get(call: Call) -> JsonObject:
    deleted = get(call.parameters, "allow_deleted")
    allowed = deleted is not None and boolean(deleted, "allow_deleted")
    return {"model": model_json(_store(call).get(_id(call), allow_deleted=allowed))}


def _finalize(call: Call) -> JsonObject:
    status = read_status(need(call.parameters, "status"))
    return {"model": model_json(_store(call).finalize(_id(call), status))}


def _delete(call: Call) -> JsonObject:
    _store(call).delete(_id(call))
    return {}


def _set_tags(call: Call) -> JsonObject:
    _store(call).set_tags(_id(call), _pairs(call, "tags"))
    return {}


def _delete_tag(call: Call) -> JsonObject:
    key = text(call.parameters, "tag_key")
    _store(call).delete_tag(_id(call), key)
    return {}


def _log_params(call: Call) -> JsonObject:
    _store(call).log_params(_id(call), _pairs(call, "params"))
    return {}


def _search(call: Call) -> JsonObject:
    fields = call.parameters
    ids = texts(fields, "experiment_ids")
    if not ids:
        raise missing("experiment_ids")
    page = _store(call).search(
        ids,
        filter=optional_text(fields, "filter"),
        datasets=[_read_dataset(each) for each in items(get(fields, "datasets"), "datasets")],
        order_by=[_read_order(each) for each in items(get(fields, "order_by"), "order_by")],
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    return page_json("models", [model_json(model) for model in page], page.token)


def _read_dataset(value: Any) -> DatasetFilter:
    fields = message(value, "datasets")
    name = text(fields, "dataset_name")
    return DatasetFilter(name, optional_text(fields, "dataset_digest") or None)


def _read_order(value: Any) -> ModelOrder:
    fields = message(value, "order_by")
    ascending = get(fields, "ascending")
    return ModelOrder(
        text(fields, "field_name"),
        ascending is None or boolean(ascending, "ascending"),
        optional_text(fields, "dataset_name") or None,
        optional_text(fields, "dataset_digest") or None,
    )


def _artifacts(call: Call) -> JsonObject:
    location = _store(call).get(_id(call)).artifact_location
    path = optional_text(call.parameters, "artifact_directory_path")
    files = places.place_of(call, location).list(path)
    answer: JsonObject = {"root_uri": location}
    if files:
        answer["files"] = [codec.file_json(file) for file in files]
    return answer


# -- endpoints -------------------------------------------------------------------------------------

_MODEL = record(
    info=record(
        model_id=TEXT,
        experiment_id=TEXT,
        name=TEXT,
        creation_timestamp_ms=INT64,
        last_updated_timestamp_ms=INT64,
        artifact_uri=TEXT,
        status=choice(*_STATUSES),
        model_type=TEXT,
        source_run_id=TEXT,
        status_message=TEXT,
        tags=PAIRS,
    ),
    data=record(params=PAIRS, metrics=array(METRIC)),
)
_ORDER = record(
    "field_name", field_name=TEXT, ascending=BOOLEAN, dataset_name=TEXT, dataset_digest=TEXT
)
_DATASET = record("dataset_name", dataset_name=TEXT, dataset_digest=TEXT)
_FILE = record(path=TEXT, is_dir=BOOLEAN, file_size=INT64)

_ALL = "/api/2.0/mlflow/logged-models"
_ONE = _ALL + "/{model_id}"
_TAGS = ("Logged models",)


_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_ANSWER = record(model=_MODEL)

ENDPOINTS = [
        Endpoint(
            "POST", _ALL, _create, _WRITE, "Create a logged model.",
            record(
                "experiment_id", experiment_id=TEXT, name=TEXT, model_type=TEXT,
                source_run_id=TEXT, params=PAIRS, tags=PAIRS,
            ),
            _ANSWER, tags=_TAGS,
        ),
        Endpoint(
            "POST", _ALL + "/search", _search, _READ, "Search logged models.",
            record(
                "experiment_ids", experiment_ids=array(TEXT), filter=TEXT,
                datasets=array(_DATASET), max_results=page_limit(), order_by=array(_ORDER),
                page_token=TEXT,
            ),
            record(models=array(_MODEL), next_page_token=TEXT), tags=_TAGS,
        ),
        Endpoint(
            "GET", _ONE, _get, _READ, "Return a logged model.",
            record("model_id", model_id=TEXT, allow_deleted=BOOLEAN), _ANSWER, tags=_TAGS,
        ),
        Endpoint(
            "PATCH", _ONE, _finalize, _WRITE, "Set the status of a logged model.",
            record("model_id", "status", model_id=TEXT, status=choice(*_STATUSES)), _ANSWER,
            tags=_TAGS,
        ),
        Endpoint(
            "DELETE", _ONE, _delete, _DELETE, "Mark a logged model as deleted.",
            record("model_id", model_id=TEXT), EMPTY, tags=_TAGS,
        ),
        Endpoint(
            "PATCH", _ONE + "/tags", _set_tags, _WRITE, "Set tags of a logged model.",
            record("model_id", model_id=TEXT, tags=PAIRS), EMPTY, tags=_TAGS,
        ),
        # The second form is for keys with '/'. A path is checked as one, and refused with a ':'.
        *(
            Endpoint(
                "DELETE", _ONE + "/tags/" + place, _delete_tag, _WRITE,
                "Remove a tag of a logged model.",
                record("model_id", "tag_key", model_id=TEXT, tag_key=TEXT), EMPTY, tags=_TAGS,
            )
            for place in ("{tag_key}", "{tag_key:path}")
        ),
        Endpoint(
            "POST", _ONE + "/params", _log_params, _WRITE, "Add params to a logged model.",
            record("model_id", model_id=TEXT, params=PAIRS), EMPTY, tags=_TAGS,
        ),
        Endpoint(
            "GET", _ONE + "/artifacts/directories", _artifacts, _READ,
            "List files of a logged model.",
            record(
                "model_id", model_id=TEXT, artifact_directory_path=TEXT, page_token=TEXT
            ),
            record(root_uri=TEXT, files=array(_FILE), next_page_token=TEXT), tags=_TAGS,
        ),
]  # fmt: skip
