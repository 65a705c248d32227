"""Predictions as files: the ending of a file's name says which form, as it does for the input.

``json`` is ``{"predictions": […]}``, ``jsonl`` one prediction on each line; ``csv`` and
``parquet`` are tables, with the columns that the model returned, numbered ones for lists, or one
column named ``prediction``. All are written piece by piece.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from pegboard.errors import InvalidValue, PluginError

from pegboard_serving import answers, batch

FORMS = ("csv", "json", "jsonl", "parquet")
COLUMN = "prediction"
"""What the column of predictions that are single values is called."""


def form_of(path: str | None, given: str | None, default: str) -> str:
    """Return the form of a file; InvalidValue for an unknown ending.

    ``given`` takes precedence over the ending; without either it is ``default``. PluginError if a
    form needs what is not installed.
    """
    ending = Path(path or "").suffix.lower().lstrip(".")
    form = given or ending or default
    if form not in FORMS:
        raise InvalidValue(
            f"The ending of {path!r} does not say in which form predictions are to be written.",
            hint="Known are .csv, .json, .jsonl and .parquet; --output-format says it otherwise.",
        )
    if form == "parquet":
        _parquet_library()
    return form


class Tally:
    """Pieces of predictions that pass, and how many predictions that were."""

    def __init__(self, pieces: Iterable[Any]) -> None:
        self._pieces = pieces
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the pieces."""
        for piece in self._pieces:
            self.count += len(piece) if isinstance(piece, (list, tuple)) else 1
            yield piece


def write(form: str, pieces: Iterable[Any], target: IO[bytes]) -> int:
    """Write pieces of predictions in a form; return how many predictions that were."""
    tally = Tally(pieces)
    _WRITERS[form](tally, target)
    return tally.count


def _json(pieces: Iterable[Any], target: IO[bytes]) -> None:
    target.writelines(batch.as_document(pieces))


def _lines(pieces: Iterable[Any], target: IO[bytes]) -> None:
    target.writelines(batch.as_lines(pieces))


# -- tables ----------------------------------------------------------------------------------------


def _csv(pieces: Iterable[Any], target: IO[bytes]) -> None:
    names: list[str] | None = None
    for piece in pieces:
        records = _records(piece)
        if names is None:
            names = _names(records)
            _write_lines(target, [names])
        _refuse_others(names, records)
        _write_lines(target, [[_cell(each.get(name)) for name in names] for each in records])


def _write_lines(target: IO[bytes], rows: Iterable[list[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    target.write(text.getvalue().encode())


def _cell(value: Any) -> Any:
    """Return what a cell of CSV holds: empty for a gap, JSON for what is nested."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return "" if value != value else repr(value)
    if value is None or isinstance(value, (str, int)):
        return value
    text = answers.dumps(value).decode()
    plain = json.loads(text)
    return "" if plain is None else plain if isinstance(plain, str) else text


def _records(piece: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a piece of predictions, by column."""
    if isinstance(piece, Mapping):
        columns = [answers.plain(values) for values in piece.values()]
        if (
            not all(isinstance(values, list) for values in columns)
            or len(set(map(len, columns))) != 1
        ):
            return [_record(piece)]
        return [dict(zip(map(str, piece), row, strict=True)) for row in zip(*columns, strict=True)]
    return [_record(each) for each in (piece if isinstance(piece, (list, tuple)) else [piece])]


def _record(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return {str(place): each for place, each in enumerate(value)}
    return {COLUMN: value}


def _names(records: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in records for name in each)) or [COLUMN]


def _refuse_others(names: list[str], records: list[Mapping[str, Any]]) -> None:
    known = set(names)
    for each in records:
        if not known.issuperset(each):
            extra = next(name for name in each if name not in known)
            raise InvalidValue(
                f"Some predictions have a column {extra!r}, which the first ones lack.",
                hint="Write them as .jsonl, or predict for all rows at once with --chunk-rows 0.",
            )


def _parquet(pieces: Iterable[Any], target: IO[bytes]) -> None:
    pa, parquet = _parquet_library()
    writer: Any = None
    names: list[str] = []
    try:
        for piece in pieces:
            records = _records(piece)
            names = names or _names(records)
            _refuse_others(names, records)
            columns = {name: [_storable(each.get(name)) for each in records] for name in names}
            try:
                table = pa.table(columns, schema=writer.schema if writer else None)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
                raise InvalidValue(
                    f"The predictions cannot be written as Parquet: {error}",
                    hint="A column holds values of one type; write them as .jsonl.",
                ) from error
            writer = writer or parquet.ParquetWriter(target, table.schema)
            writer.write_table(table)
        if writer is None:
            writer = parquet.ParquetWriter(target, pa.schema([(COLUMN, pa.null())]))
    finally:
        if writer is not None:
            writer.close()


def _storable(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _parquet_library() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise PluginError(
            "Parquet cannot be written, as pyarrow is not installed.",
            hint="Run: pip install pyarrow. Or write .csv, .json or .jsonl.",
        ) from None
    return pyarrow, parquet


_WRITERS: Mapping[str, Callable[[Iterable[Any], IO[bytes]], None]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _lines,
    "parquet": _parquet,
}
