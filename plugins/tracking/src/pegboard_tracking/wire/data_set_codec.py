"""Data sets for evaluation as MLflow's JSON. What records hold is JSON within a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_stores import json_size
from pegboard_stores.data_sets import (
    DataSet,
    DataSetRecord,
    DataSetVersion,
    RecordChange,
    RecordSource,
)
from pegboard_wire.requests import optional_integer, optional_text, text, texts
from pegboard_wire.scalars import get, integer, items, message, need

JsonObject = dict[str, Any]
Fields = Mapping[str, Any]

MAX_JSON_VALUES = 1_000_000
"""How many names and values a text of JSON may hold."""

_UNSPECIFIED, _UNSPECIFIED_ON_THE_WIRE = "UNSPECIFIED", "SOURCE_TYPE_UNSPECIFIED"


def loads(value: str, what: str) -> Any:
    """Return what JSON in a text says; InvalidValue if it is none, or too much."""
    if json_size.has_more_values(value.encode("utf-8", "replace"), MAX_JSON_VALUES):
        raise InvalidValue(
            f"The field {what!r} holds more than {MAX_JSON_VALUES} names and values.",
            hint="Send them in several requests.",
        )
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise InvalidValue(f"The field {what!r} holds no valid JSON.") from None


def read_tags(value: str) -> Mapping[str, Any]:
    """Read tags, an object in a text."""
    return message(loads(value, "tags") if value else {}, "tags")


def read_given(value: str) -> Sequence[Mapping[str, Any]]:
    """Read records to be merged, an array in a text."""
    return items(loads(value, "records"), "records")


# -- data sets -------------------------------------------------------------------------------------


def data_set_json(data_set: DataSet) -> JsonObject:
    """Return a data set; its version, which MLflow's protocol has not, is there too."""
    made = {
        "dataset_id": data_set.data_set_id,
        "name": data_set.name,
        "digest": data_set.digest,
        "tags": json.dumps(dict(data_set.tags)),
        "created_time": data_set.created_time,
        "last_update_time": data_set.last_update_time,
        "schema": data_set.schema,
        "profile": data_set.profile,
        "created_by": data_set.created_by,
        "last_updated_by": data_set.last_updated_by,
        "experiment_ids": list(data_set.experiment_ids or ()),
        "version": data_set.version,
    }
    return {name: value for name, value in made.items() if value is not None}


def read_data_set(value: Any) -> DataSet:
    """Read a data set."""
    fields = message(value, "dataset")
    homes = get(fields, "experiment_ids")
    return DataSet(
        data_set_id=text(fields, "dataset_id"),
        name=text(fields, "name"),
        digest=optional_text(fields, "digest"),
        created_time=_time(fields, "created_time"),
        last_update_time=_time(fields, "last_update_time"),
        version=optional_integer(fields, "version"),
        tags={key: str(v) for key, v in read_tags(optional_text(fields, "tags")).items()},
        schema=_optional(fields, "schema"),
        # MLflow's servers write so of a data set that has lost all its records.
        profile=_optional(fields, "profile") if get(fields, "profile") != "null" else None,
        created_by=_optional(fields, "created_by"),
        last_updated_by=_optional(fields, "last_updated_by"),
        experiment_ids=None if homes is None else texts(fields, "experiment_ids"),
    )


def _optional(fields: Fields, name: str) -> str | None:
    return optional_text(fields, name) or None


def _time(fields: Fields, name: str) -> int:
    return optional_integer(fields, name) or 0


# -- records ---------------------------------------------------------------------------------------


def records_json(records: Sequence[DataSetRecord]) -> str:
    """Return records as a text."""
    return json.dumps([record_json(each) for each in records])


def record_json(record: DataSetRecord) -> JsonObject:
    """Return a record."""
    source = record.source
    kind = source and source.source_type
    made = {
        "dataset_record_id": record.record_id,
        "dataset_id": record.data_set_id,
        "inputs": record.inputs,
        "outputs": record.outputs,
        "expectations": record.expectations,
        "tags": record.tags,
        "source": source and source_json(source),
        "source_id": source and source.source_id,
        "source_type": kind,
        "created_time": record.created_time,
        "last_update_time": record.last_update_time,
        "created_by": record.created_by,
        "last_updated_by": record.last_updated_by,
    }
    return {name: value for name, value in made.items() if value is not None}


def source_json(source: RecordSource) -> JsonObject:
    """Return the source of a record."""
    return {"source_type": source.source_type, "source_data": dict(source.source_data)}


def read_records(value: str) -> list[DataSetRecord]:
    """Read records from a text."""
    return [read_record(each) for each in items(_answered(value, "records"), "records")]


def read_record(value: Any) -> DataSetRecord:
    """Read a record."""
    fields = message(value, "record")
    source, expectations = get(fields, "source"), get(fields, "expectations")
    return DataSetRecord(
        record_id=text(fields, "dataset_record_id"),
        data_set_id=optional_text(fields, "dataset_id"),
        inputs=message(fields.get("inputs"), "inputs"),
        outputs=fields.get("outputs"),
        expectations=None if expectations is None else message(expectations, "expectations"),
        tags=message(get(fields, "tags") or {}, "tags"),
        source=None if source is None else _read_source(message(source, "source")),
        created_time=_time(fields, "created_time"),
        last_update_time=_time(fields, "last_update_time"),
        created_by=_optional(fields, "created_by"),
        last_updated_by=_optional(fields, "last_updated_by"),
    )


def _read_source(fields: Fields) -> RecordSource:
    kind = text(fields, "source_type")
    return RecordSource(
        _UNSPECIFIED if kind == _UNSPECIFIED_ON_THE_WIRE else kind,
        message(get(fields, "source_data") or {}, "source_data"),
    )


def _answered(value: str, what: str) -> Any:
    """Return JSON of an answer, however much it is."""
    try:
        return json.loads(value or "[]")
    except (ValueError, RecursionError):
        raise InvalidValue(f"The field {what!r} holds no valid JSON.") from None


# -- versions --------------------------------------------------------------------------------------


def version_json(version: DataSetVersion) -> JsonObject:
    """Return a version."""
    made = {
        "version": version.version,
        "digest": version.digest,
        "records": version.records,
        "created_time": version.created_time,
        "created_by": version.created_by,
        "added": version.added,
        "changed": version.changed,
        "removed": version.removed,
    }
    return {name: value for name, value in made.items() if value is not None}


def read_version(value: Any) -> DataSetVersion:
    """Read a version."""
    fields = message(value, "version")
    numbers = {
        name: integer(need(fields, name), name)
        for name in ("version", "records", "created_time", "added", "changed", "removed")
    }
    return DataSetVersion(
        **numbers, digest=text(fields, "digest"), created_by=_optional(fields, "created_by")
    )


def changes_json(changes: Sequence[RecordChange]) -> str:
    """Return what differs, as a text."""
    return json.dumps(
        [
            {
                name: record_json(record)
                for name, record in (("before", each.before), ("after", each.after))
                if record is not None
            }
            for each in changes
        ]
    )


def read_changes(value: str) -> list[RecordChange]:
    """Read what differs from a text."""
    found = [message(each, "changes") for each in items(_answered(value, "changes"), "changes")]
    return [RecordChange(_side(each, "before"), _side(each, "after")) for each in found]


def _side(fields: Fields, name: str) -> DataSetRecord | None:
    return read_record(fields[name]) if fields.get(name) is not None else None
