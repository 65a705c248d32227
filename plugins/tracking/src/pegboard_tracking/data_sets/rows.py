"""Rows of data sets as what they stand for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from pegboard_stores.data_sets import DataSet, DataSetRecord, DataSetVersion, RecordSource
from pegboard_stores.data_sets.content import Content, no_data_set, no_version, profile

RECORD = (
    "place, since, content, record_id, inputs, outputs, expectations, tags, source, created_time,"
    " last_update_time, created_by, last_updated_by"
)


@frozen
class Known:
    """The row of a data set and the number of its latest version."""

    row: int
    data_set_id: str
    version: int


def known(connection: sqlite3.Connection, data_set_id: str) -> Known:
    """Return the row of a data set; NotFound."""
    found = connection.execute(
        "SELECT id, version FROM data_set WHERE data_set_id = ?", (data_set_id,)
    ).fetchone()
    if found is None:
        raise no_data_set(data_set_id)
    return Known(found[0], data_set_id, found[1])


def version_of(connection: sqlite3.Connection, data_set: Known, named: int | str) -> int:
    """Return the number of a version; the last one with a digest; NotFound."""
    text = str(named)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if 0 <= number <= data_set.version:
        return number
    (found,) = connection.execute(
        "SELECT max(version) FROM data_set_version WHERE data_set = ? AND digest = ?",
        (data_set.row, text),
    ).fetchone()
    if found is None:
        raise no_version(data_set.data_set_id, named)
    return int(found)


def load(connection: sqlite3.Connection, rows: Sequence[int]) -> list[DataSet]:
    """Return data sets in the order of their rows."""
    wanted = json.dumps(list(rows))
    tags: dict[int, dict[str, str]] = {}
    homes: dict[int, list[str]] = {}
    among = "data_set IN (SELECT value FROM json_each(?))"
    for row, key, value in connection.execute(
        f"SELECT data_set, key, value FROM data_set_tag WHERE {among}",  # noqa: S608
        (wanted,),
    ):
        tags.setdefault(row, {})[key] = value
    for row, experiment in connection.execute(
        f"SELECT data_set, experiment FROM data_set_experiment WHERE {among} ORDER BY experiment",  # noqa: S608
        (wanted,),
    ):
        homes.setdefault(row, []).append(str(experiment))
    found = {
        values[0]: _data_set(values, tags.get(values[0], {}), homes.get(values[0], []))
        for values in connection.execute(
            "SELECT id, data_set_id, name, digest, created_time, last_update_time, version, schema,"
            " records, created_by, last_updated_by FROM data_set"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
    }
    return [found[row] for row in rows if row in found]


def _data_set(values: Sequence[Any], tags: dict[str, str], homes: list[str]) -> DataSet:
    _, new_id, name, digest, created, updated, version, schema, records, maker, changer = values
    return DataSet(
        data_set_id=new_id,
        name=name,
        digest=digest,
        created_time=created,
        last_update_time=updated,
        version=version,
        tags=tags,
        schema=schema,
        profile=profile(records),
        created_by=maker,
        last_updated_by=changer,
        experiment_ids=homes,
    )


# -- records ---------------------------------------------------------------------------------------


def record(data_set_id: str, values: Sequence[Any]) -> DataSetRecord:
    """Return the record of a row with the columns RECORD."""
    _, _, _, record_id, *rest, created, updated, maker, changer = values
    content = content_of(rest)
    return DataSetRecord(
        record_id=record_id,
        data_set_id=data_set_id,
        inputs=content.inputs,
        outputs=content.outputs,
        expectations=content.expectations,
        tags=content.tags,
        source=content.source,
        created_time=created,
        last_update_time=updated,
        created_by=maker,
        last_updated_by=changer,
    )


def content_of(texts: Sequence[str | None]) -> Content:
    """Return what inputs, outputs, expectations, tags and the source say."""
    inputs, outputs, expectations, tags, source = map(_loaded, texts)
    return Content(
        inputs, outputs, expectations, tags or {}, RecordSource(*source) if source else None
    )


def texts_of(content: Content) -> tuple[str | None, ...]:
    """Return what ``content_of`` reads."""
    source = content.source
    return (
        json.dumps(content.inputs),
        _dumped(content.outputs),
        _dumped(content.expectations),
        json.dumps(content.tags),
        _dumped(source and [source.source_type, dict(source.source_data)]),
    )


def size_of(values: Iterable[Any]) -> int:
    """Return about how many bytes a row takes."""
    return sum(len(each) for each in values if isinstance(each, str | bytes))


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _dumped(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


# -- versions --------------------------------------------------------------------------------------


def version(values: Sequence[Any]) -> DataSetVersion:
    """Return the version of a row of ``data_set_version``, without its data set."""
    number, digest, records, created, maker, added, changed, removed = values
    return DataSetVersion(
        version=number,
        digest=digest,
        records=records,
        created_time=created,
        created_by=maker,
        added=added,
        changed=changed,
        removed=removed,
    )
