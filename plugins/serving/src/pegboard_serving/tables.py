"""CSV as tables: whole, or in pieces with a number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any

import pandas as pd
from pegboard_models import DataType, Schema, SchemaMismatch

from pegboard_serving import forms

_ALL = 1 << 40
_NUMBERS = frozenset({DataType.double, DataType.float, DataType.long, DataType.integer})


def read(stream: IO[str], schema: Schema | None) -> pd.DataFrame:
    """Return the table in a stream; Failure if it is not CSV, SchemaMismatch if it does not fit."""
    start = stream.tell()
    try:
        table = pd.read_csv(stream, dtype=_dtypes(schema, numbers=True))
    except ValueError:
        # Read as text, the value that does not fit is found and named.
        stream.seek(start)
        table = _guarded(lambda: pd.read_csv(stream, dtype=_dtypes(schema, numbers=False)))
    return forms.cast_table(table, _columns_only(schema))


def pieces(stream: IO[str], schema: Schema | None, rows: int | None) -> Iterator[pd.DataFrame]:
    """Yield the table in a stream in pieces of at most ``rows`` rows; None: as one piece."""
    dtypes = _dtypes(schema, numbers=False)
    most = rows or _ALL
    with closing(_guarded(lambda: pd.read_csv(stream, dtype=dtypes, chunksize=most))) as reader:
        done = 0
        while True:
            table = _guarded(lambda: next(reader, None))
            if table is None:
                return
            try:
                yield forms.cast_table(table.reset_index(drop=True), _columns_only(schema))
            except SchemaMismatch as error:
                where = f"{error.message} Rows are counted from row {done} of the table."
                raise SchemaMismatch(where, column=error.column, hint=error.hint) from None
            done += len(table)


def _guarded(read: Any) -> Any:
    try:
        return read()
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise forms.malformed(f"The CSV cannot be read: {error}") from None


def _columns_only(schema: Schema | None) -> Schema | None:
    return None if schema is None or schema.is_tensor_spec() else schema


def _dtypes(schema: Schema | None, *, numbers: bool) -> dict[Any, Any] | None:
    """Return the types to read columns as; without ``numbers`` all but true and false are text."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    kinds = schema.input_types_dict()
    return {
        name: kind.to_numpy() if numbers and kind in _NUMBERS else str
        for name, kind in kinds.items()
        if isinstance(kind, DataType) and kind is not DataType.boolean
    }
