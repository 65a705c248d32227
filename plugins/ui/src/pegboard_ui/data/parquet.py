"""Rows of a Parquet file, read with pyarrow, which need not be installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from pegboard_stores import cancellation

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_GROUP = 1 << 30
"""How many bytes a row group may have before compression."""
_BATCH = 1_000
_BUFFER = 1 << 20


def read(
    stream: BinaryIO, offset: int, limit: int, most_columns: int
) -> tuple[list[str], list[str], Iterator[Sequence[Any]], int, int]:
    """Return names and types of columns, rows, how many rows and columns there are.

    ValueError if the file is broken, or its row groups are too large; ImportError without pyarrow.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)
        schema = file.schema_arrow
        names = schema.names[:most_columns]
        if len(set(schema.names)) != len(schema.names):
            raise ValueError("two columns have the same name")
        types = [_type(schema.field(place).type) for place in range(len(names))]
        rows = list(_rows(file, offset, limit, names))
        return names, types, iter(rows), file.metadata.num_rows, len(schema.names)
    except (pa.ArrowException, OSError) as error:
        text = str(error).splitlines()[0][:200]
        raise ValueError(f"it is not a sound Parquet file ({text})") from None


def _rows(
    file: pq.ParquetFile, offset: int, limit: int, names: Sequence[str]
) -> Iterator[Sequence[Any]]:
    skipped, left = offset, limit
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if skipped >= group.num_rows:
            skipped -= group.num_rows
            continue
        if group.total_byte_size > MOST_GROUP:
            raise ValueError(
                f"its row group {number} has {group.total_byte_size >> 20} MiB; "
                f"{MOST_GROUP >> 20} are allowed"
            )
        for batch in file.iter_batches(_BATCH, row_groups=[number], columns=list(names)):
            cancellation.check()
            if skipped >= batch.num_rows:
                skipped -= batch.num_rows
                continue
            part = batch.slice(skipped, left)
            skipped = 0
            yield from zip(*(column.to_pylist() for column in part.columns), strict=True)
            left -= part.num_rows
            if left <= 0:
                return


def _type(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_temporal(kind):
        return "time"
    return "json" if pa.types.is_nested(kind) else "text"
