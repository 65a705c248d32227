"""Endpoints that log to a run: metrics, params, tags, batches, datasets and models."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pegboard.entities import Metric, Param, RunTag
from pegboard.errors import InvalidValue
from pegboard.validation import MAX_TAG_VALUE
from pegboard_stores import list_tags
from pegboard_stores.abilities import Batches
from pegboard_stores.validation import dataset_input
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.requests import NOTHING, optional_text, run_id, store_of, text
from pegboard_wire.scalars import get, items, message, missing
from pegboard_wire.schemas import EMPTY, PAIR, at_most
from pegboard_wire.shapes import INT64, NUMBER, TEXT, array, record

from pegboard_tracking.wire import batches, codec
from pegboard_tracking.wire.schemas import DATASET_INPUT, METRIC, MODEL_INPUT, MODEL_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from pegboard.contracts.tracking import TrackingStore

MAX_METRICS = 1000
MAX_PARAMS_OR_TAGS = 100
MAX_ENTITIES = 1000
"""How much one batch may hold: metrics, params, tags, and all of them together."""

MODELS_TAG = "mlflow.log-model.history"
"""The tag that lists models logged by clients of before MLflow 3, as a JSON array."""

_LONGEST_MODEL = 10 * MAX_TAG_VALUE
"""What fits into the tag may have come with spaces."""
_MODEL_FIELDS = ("artifact_path", "flavors", "utc_time_created", "run_id")
_BASE = "/api/2.0/mlflow/runs"


# -- metrics ---------------------------------------------------------------------------------------


def _log_metric(call: Call) -> Result | Awaitable[Result]:
    given = call.parameters
    store = call.host.tracking_store(call.tracking_uri)
    try:
        run, key, value = given["run_id"], given["key"], given["value"]
        timestamp, step = given["timestamp"], given.get("step", 0)
    except KeyError:
        run = None
    if (
        run
        and key
        and type(run) is str
        and type(key) is str
        and type(value) is float
        and type(timestamp) is int
        and type(step) is int
        and not (given.get("model_id") or given.get("dataset_name"))
    ):
        # The usual form, of which the writer checks the rest.
        writer = store.metric_writer()
        if writer.quick:
            writer.verify(run)
            writer.log(run, key, value, timestamp, step)
            return NOTHING
    run = run_id(given)
    point = codec.read_metric({k: v for k, v in given.items() if k != "run_id"}, "")
    return _log(store, run, [point])


async def _log(
    store: TrackingStore,
    run: str,
    metrics: Sequence[Metric] = (),
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
) -> Result:
    """Log to a run: at once if that waits for nothing, else in a thread."""
    log = partial(store.log_batch, run, metrics=metrics, params=params, tags=tags)
    if store.metric_writer().quick and not (params or tags or any(map(_is_of_model, metrics))):
        log()
    elif metrics:
        # What was logged before has to be moved first, for which others are waited for.
        await asyncio.to_thread(log)
    else:
        await store.soon(log)
    return NOTHING


def _is_of_model(point: Metric) -> bool:
    return bool(point.model_id or point.dataset_name or point.dataset_digest)


# -- params and tags -------------------------------------------------------------------------------


async def _log_param(call: Call) -> Result:
    given = call.parameters
    run, key, value = run_id(given), text(given, "key"), optional_text(given, "value")
    return await _log(store_of(call), run, params=[Param(key, value)])


async def _set_tag(call: Call) -> Result:
    given = call.parameters
    run, key, value = run_id(given), text(given, "key"), optional_text(given, "value")
    return await _log(store_of(call), run, tags=[RunTag(key, value)])


async def _delete_tag(call: Call) -> Result:
    given, store = call.parameters, store_of(call)
    await store.soon(partial(store.delete_tag, text(given, "run_id"), text(given, "key")))
    return NOTHING


# -- batches ---------------------------------------------------------------------------------------


def _log_batch(call: Call) -> Result | Awaitable[Result]:
    given = call.parameters
    store, batch = store_of(call), call.headers.get(batches.HEADER)
    if given.get("params") or given.get("tags") or batch or not store.metric_writer().quick:
        return _log_any_batch(call)
    run = text(given, "run_id")
    _check_counts(given)
    metrics = codec.read_metrics(given.get("metrics"))
    if any(map(_is_of_model, metrics)):
        return _log_any_batch(call)
    try:
        store.log_batch(run, metrics=metrics)
    except InvalidValue as error:
        raise _placed(error, {"metrics": metrics}) from None
    return NOTHING


async def _log_any_batch(call: Call) -> Result:
    given = call.parameters
    run = text(given, "run_id")
    _check_counts(given)
    metrics = codec.read_metrics(given.get("metrics"))
    params = codec.read_params(given.get("params"))
    tags = codec.read_tags(given.get("tags"))
    _refuse_repeated(params)
    store, batch = store_of(call), call.headers.get(batches.HEADER)
    once = store.ability(Batches) if batch else None
    if batch and once is not None:
        known = batches.read(batch)
        log = partial(once.log, known, run, metrics=metrics, params=params, tags=tags)
        await asyncio.to_thread(log)
        return NOTHING
    try:
        return await _log(store, run, metrics, params, tags)
    except InvalidValue as error:
        raise _placed(error, {"metrics": metrics, "params": params, "tags": tags}) from None


def _placed(
    error: InvalidValue, batch: Mapping[str, Sequence[Metric | Param | RunTag]]
) -> InvalidValue:
    """Say in an error of a name which item of a batch has it."""
    name = error.facts.get("name")
    for what, logged in batch.items():
        if error.fault.endswith(f"_{what[:-1]}_name"):
            number = next((i for i, item in enumerate(logged) if item.key == name), 0)
            error.about(error.fault, at=f"{what}[{number}].")
    return error


def _check_counts(given: Mapping[str, Any]) -> None:
    """Refuse a batch that is too large, before time is spent on reading it."""
    metrics, params, tags = (
        len(items(given.get(name), name)) for name in ("metrics", "params", "tags")
    )
    for what, count, limit in (
        ("metrics", metrics, MAX_METRICS),
        ("params", params, MAX_PARAMS_OR_TAGS),
        ("tags", tags, MAX_PARAMS_OR_TAGS),
        ("metrics, params, and tags", metrics + params + tags, MAX_ENTITIES),
    ):
        if count > limit:
            raise InvalidValue(f"A batch has {count} {what}; {limit} are allowed.").about(
                "long_batch", what=what, count=count, limit=limit
            )


def _refuse_repeated(params: list[Param]) -> None:
    known: set[str] = set()
    for param in params:
        if param.key in known:
            raise InvalidValue(f"A batch has the param {param.key!r} more than once.").about(
                "repeated_param", key=param.key
            )
        known.add(param.key)


# -- datasets and models ---------------------------------------------------------------------------


def _log_inputs(call: Call) -> Result:
    given = call.parameters
    run = text(given, "run_id")
    # All of it is checked before any of it is recorded.
    datasets = [*map(dataset_input, codec.read_dataset_inputs(given.get("datasets")))]
    models = codec.read_model_inputs(given.get("models"))
    store = store_of(call)
    if models:
        store.logged_models().log_inputs(run, models)
    if datasets or not models:
        store.log_inputs(run, datasets)
    return NOTHING


def _log_outputs(call: Call) -> Result:
    given = call.parameters
    run = text(given, "run_id")
    models = codec.read_model_outputs(get(given, "models"))
    if not models:
        raise missing("models")
    store_of(call).logged_models().log_outputs(run, models)
    return NOTHING


def _log_model(call: Call) -> Result:
    given = call.parameters
    run = text(given, "run_id")
    model = _read_model(text(given, "model_json"))
    if len(json.dumps([model])) > MAX_TAG_VALUE:
        raise InvalidValue(f"The model is described by more than {MAX_TAG_VALUE} bytes.")
    # The oldest go: a text that is cut would be no JSON any more.
    list_tags.of(store_of(call)).add_to_run(run, MODELS_TAG, [model], cut=True)
    return NOTHING


def _read_model(given: str) -> Any:
    if len(given) > _LONGEST_MODEL:
        raise InvalidValue(f"The field 'model_json' has more than {_LONGEST_MODEL} characters.")
    try:
        model = message(json.loads(given), "model_json")
    except ValueError as error:
        raise InvalidValue(f"The field 'model_json' is not valid JSON: {error}.").about(
            "bad_model_json", text=given
        ) from None
    lacking = [name for name in _MODEL_FIELDS if name not in model]
    if lacking:
        raise InvalidValue(f"The field 'model_json' lacks {', '.join(map(repr, lacking))}.").about(
            "short_model_json", lacking=", ".join(map(repr, lacking))
        )
    return model


_PAIR_OF_RUN = record("run_id", "key", run_id=TEXT, run_uuid=TEXT, key=TEXT, value=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST",
        f"{_BASE}/log-metric",
        _log_metric,
        Permission.WRITE,
        "Add a point to a metric of a run.",
        record(
            "run_id",
            "key",
            "value",
            "timestamp",
            run_id=TEXT,
            run_uuid=TEXT,
            key=TEXT,
            value=NUMBER,
            timestamp=INT64,
            step=INT64,
            model_id=TEXT,
            dataset_name=TEXT,
            dataset_digest=TEXT,
        ),
        EMPTY,
        quick=True,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/log-parameter",
        _log_param,
        Permission.WRITE,
        "Set a param of a run, once.",
        _PAIR_OF_RUN,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/set-tag",
        _set_tag,
        Permission.WRITE,
        "Set or change a tag of a run.",
        _PAIR_OF_RUN,
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/delete-tag",
        _delete_tag,
        Permission.DELETE,
        "Remove a tag of a run.",
        record("run_id", "key", run_id=TEXT, key=TEXT),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/log-batch",
        _log_batch,
        Permission.WRITE,
        "Add metrics and params and set tags: all of it or, on an error, nothing.",
        record(
            "run_id",
            run_id=TEXT,
            metrics=at_most(MAX_METRICS, METRIC),
            params=at_most(MAX_PARAMS_OR_TAGS, PAIR),
            tags=at_most(MAX_PARAMS_OR_TAGS, PAIR),
        ),
        EMPTY,
        quick=True,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/log-model",
        _log_model,
        Permission.WRITE,
        "Record a model of a run in a tag, as clients of before MLflow 3 do.",
        record("run_id", "model_json", run_id=TEXT, model_json=TEXT),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/log-inputs",
        _log_inputs,
        Permission.WRITE,
        "Record datasets and models that a run used.",
        record("run_id", run_id=TEXT, datasets=array(DATASET_INPUT), models=array(MODEL_INPUT)),
        EMPTY,
    ),
    Endpoint(
        "POST",
        f"{_BASE}/outputs",
        _log_outputs,
        Permission.WRITE,
        "Record models that a run made.",
        record("run_id", "models", run_id=TEXT, models=array(MODEL_OUTPUT)),
        EMPTY,
    ),
]
