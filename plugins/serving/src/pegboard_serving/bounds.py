"""Tables that would take far more time or room than the body that they come in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pegboard_server import Failure
from pegboard_stores import json_size

if TYPE_CHECKING:
    from pegboard_models import Schema

MAX_COLUMNS = 10_000
"""How many columns a table may have, unless the model has half as many or more."""
MAX_VALUES = 16 << 20
MAX_BYTES = 256 << 20
"""What a Parquet file may hold when it is unpacked."""
MAX_TEXT_VALUES = 4 << 20
"""How many names and values a body in JSON or CSV may hold."""
MAX_CONTAINERS = 250_000
"""How many arrays and objects, so also rows, a body in JSON may hold."""
MAX_ROW_GROUPS = 10_000
_LONGEST_FIXED = 16
_FIRST = 2
"""The head of a CSV file and its first row decide how many columns there are."""


def check_columns(count: int, schema: Schema | None) -> None:
    """Refuse a table with too many columns; each costs as much as thousands of rows do."""
    most = MAX_COLUMNS if schema is None else max(MAX_COLUMNS, 2 * len(schema.inputs))
    if count > most:
        raise Failure(400, "BAD_REQUEST", f"A table has {count} columns; {most} are allowed.")


def check_json(body: bytes) -> None:
    """Refuse JSON that would be far more objects than it has bytes for."""
    for is_beyond, most, what in (
        (json_size.has_more_values, MAX_TEXT_VALUES, "names and values"),
        (json_size.has_more_containers, MAX_CONTAINERS, "arrays and objects"),
    ):
        if is_beyond(body, most):
            raise Failure(413, "BAD_REQUEST", f"The body has more than {most} {what}.")


def check_csv(text: str, schema: Schema | None) -> None:
    """Refuse CSV whose first lines have too many columns, or that has too many values."""
    if text.count(",") + max(text.count("\n"), text.count("\r")) > MAX_TEXT_VALUES:
        said = f"The CSV has more than {MAX_TEXT_VALUES} values."
        raise Failure(413, "BAD_REQUEST", said)
    if text.count(",") < MAX_COLUMNS:
        return
    try:
        records: Iterator[list[str]] = filter(None, csv.reader(io.StringIO(text)))
        for record in islice(records, _FIRST):
            check_columns(len(record), schema)
    except csv.Error as error:
        raise Failure(400, "BAD_REQUEST", f"The CSV cannot be read: {error}.") from None


def check_rows(rows: Iterable[Any], schema: Schema | None) -> None:
    """Refuse rows, as lists or objects, that make too many columns."""
    widest = 0
    names: set[Any] = set()
    for row in rows:
        if isinstance(row, dict):
            if not names.issuperset(row):
                names.update(row)
                check_columns(len(names), schema)
        elif isinstance(row, list) and len(row) > widest:
            widest = len(row)
            check_columns(widest, schema)


def check_parquet(body: bytes, schema: Schema | None) -> None:
    """Refuse a file of few bytes that unpacks to very many."""
    import pyarrow as pa
    from pyarrow import parquet

    metadata = parquet.read_metadata(pa.BufferReader(body))
    check_columns(metadata.num_columns, schema)
    columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    if any(
        column.max_repetition_level
        or (column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > _LONGEST_FIXED)
        for column in columns
    ):
        raise Failure(400, "BAD_REQUEST", "Lists cannot be sent as Parquet; send JSON.")
    if metadata.num_row_groups > MAX_ROW_GROUPS:
        said = f"The Parquet file has more than {MAX_ROW_GROUPS} row groups."
        raise Failure(400, "BAD_REQUEST", said)
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    if metadata.num_rows * len(columns) > MAX_VALUES or size > MAX_BYTES:
        raise _too_large()
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    if not texts:
        return
    # A text that comes a million times is kept once in the file, and also in this table.
    file = parquet.ParquetFile(pa.BufferReader(body), read_dictionary=texts)
    for column in file.read(columns=texts, use_threads=False).columns:
        size += sum(map(_size, column.chunks))
    if size > MAX_BYTES:
        raise _too_large()


def _size(chunk: Any) -> int:
    """Return how many bytes the texts of a column have when each is written out."""
    import pyarrow as pa
    from pyarrow import compute

    if not isinstance(chunk, pa.DictionaryArray):
        return int(chunk.nbytes)
    lengths = compute.binary_length(chunk.dictionary).cast(pa.int64())
    return int(compute.sum(lengths.take(chunk.indices)).as_py() or 0)


def _too_large() -> Failure:
    text = f"The Parquet file holds more than {MAX_VALUES} values or {MAX_BYTES >> 20} MiB."
    return Failure(413, "BAD_REQUEST", text)
