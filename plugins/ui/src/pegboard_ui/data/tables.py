"""``artifacts/table``: rows of a table that a run logged, read within bounds.

Comma- and tab-separated text, JSON (an object a line, MLflow's logged tables, lists of objects) and
Parquet. What is behind the bounds is not counted: ``rows_total`` is null then.
"""

from __future__ import annotations

import codecs
import csv
import posixpath
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Annotated, Any

import orjson
from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_stores import cancellation, json_size
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.shapes import BOOLEAN, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import cells, files, parquet
from pegboard_ui.data.answers import json_answer
from pegboard_ui.data.cells import Rows
from pegboard_ui.data.files import File

MOST_ROWS = 1_000
MOST_COLUMNS = 500
MOST_SCANNED = 64 << 20
"""How many bytes of a text are read at the most, to find rows and to count them."""
MOST_JSON = 32 << 20
MOST_VALUES = 2_000_000
"""How many names and values a JSON document may have: each takes some 50 bytes of memory."""
MOST_LINE = 8 << 20
_PIECE = 1 << 20
_GUESSED = 1_000
"""From how many rows the types of columns are guessed."""


@frozen
class TableRequest:
    """Which rows of which file of a run or a logged model."""

    path: Annotated[str, AtMost(2048)]
    run_id: str = ""
    model_id: str = ""
    offset: Annotated[int, Between(0, 1 << 53)] = 0
    limit: Annotated[int, Between(1, MOST_ROWS)] = 100


@frozen
class Table:
    """Rows of a table."""

    types: Sequence[str]
    rows: Rows
    total: int | None
    """None: the file goes on behind the bounds."""
    columns_total: int


def table(call: Call, wanted: TableRequest) -> Answer:
    """Return rows of a table, column by column."""
    file = files.find(call, wanted.run_id, wanted.model_id, wanted.path)
    found = _reader(file)(file, wanted.offset, wanted.limit)
    names = found.rows.names
    columns = [{"name": name, "type": kind} for name, kind in zip(names, found.types, strict=True)]
    rows = dict(zip(names, found.rows.cells, strict=True))
    end = wanted.offset + found.rows.count
    more = found.rows.count > 0 and (found.total is None or end < found.total)
    return json_answer(
        call,
        {
            "columns": columns,
            "columns_total": found.columns_total,
            "rows_total": found.total,
            "rows": rows,
            "next_offset": end if more else None,
            "cut": found.rows.is_cut,
        },
    )


Reader = Callable[[File, int, int], Table]


def _reader(file: File) -> Reader:
    ending = posixpath.splitext(file.name)[1].lower()
    readers: dict[str, Reader] = {
        ".csv": _separated,
        ".tsv": _separated,
        ".tab": _separated,
        ".jsonl": _lines,
        ".ndjson": _lines,
        ".json": _document,
        ".parquet": _parquet,
        ".pq": _parquet,
    }
    if ending not in readers:
        raise InvalidValue(
            f"{file.name!r} is not a table.",
            hint=f"Tables end with {', '.join(readers)}.",
        )
    if file.size == 0:
        raise InvalidValue(f"{file.name!r} is empty: it has no bytes.")
    return readers[ending]


def _wrong(file: File, what: str) -> InvalidValue:
    return InvalidValue(
        f"{file.name!r} cannot be read as a table: {what}.", hint="It can still be downloaded."
    )


# -- separated text --------------------------------------------------------------------------------


class _Text:
    """The lines of a text, up to the bounds."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._stream = file.open(0, MOST_SCANNED)
        self.is_whole = file.size is not None and file.size <= MOST_SCANNED
        head = file.read(0, 4096)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            self._encoding = "utf-16"
        elif b"\0" in head:
            self._stream.close()
            raise _wrong(file, "it holds bytes that no text has")
        else:
            self._encoding = "utf-8-sig"
        self.head = head.decode(self._encoding, "replace")

    def lines(self) -> Iterator[str]:
        """Yield lines with their ends, but none that the bounds cut."""
        decode = codecs.getincrementaldecoder(self._encoding)("replace").decode
        rest = ""
        with self._stream as stream:
            while piece := stream.read(_PIECE):
                *lines, rest = (rest + decode(piece)).split("\n")
                for line in lines:
                    yield line + "\n"
                if len(rest) > MOST_LINE:
                    raise _wrong(self._file, f"a line has more than {MOST_LINE >> 20} MiB")
        rest += decode(b"", final=True)
        if rest and self.is_whole:
            yield rest


def _separated(file: File, offset: int, limit: int) -> Table:
    text = _Text(file)
    delimiter = _delimiter(file.name, text.head.partition("\n")[0])
    rows = (row for row in csv.reader(text.lines(), delimiter=delimiter) if row)
    try:
        header = next(rows, None)
        if header is None:
            raise _wrong(file, "it has no line")
        names = cells.unique(header)
        kept = Rows(names[:MOST_COLUMNS], limit)
        sample = [row[:MOST_COLUMNS] for row in islice(rows, _GUESSED)]
        types = [
            cells.column_type(row[place] for row in sample if place < len(row))
            for place in range(len(kept.names))
        ]
        total = _keep(kept, types, chain(sample, rows), offset, text)
    except csv.Error as error:
        raise _wrong(file, f"of {error}") from None
    return Table(types, kept, total, len(names))


def _delimiter(name: str, first: str) -> str:
    if not name.lower().endswith(".csv") or ("\t" in first and "," not in first):
        return "\t"
    return ";" if ";" in first and "," not in first else ","


def _keep(
    kept: Rows, types: Sequence[str], rows: Iterator[list[str]], offset: int, text: _Text
) -> int | None:
    """Add the wanted rows; return how many there are, None if that cannot be known."""
    total = 0
    try:
        for total, row in enumerate(rows, 1):
            if not total % 1000:
                cancellation.check()
            if kept.is_full and not text.is_whole:
                # They would not all be counted.
                return None
            if total > offset and not kept.is_full:
                kept.add([cells.typed_cell(*each) for each in zip(row, types, strict=False)])
    except (csv.Error, InvalidValue):
        if not kept.is_full:
            raise
        # What is wanted was read before what is wrong.
        return None
    return total if text.is_whole else None


# -- JSON ------------------------------------------------------------------------------------------


def _lines(file: File, offset: int, limit: int) -> Table:
    text = _Text(file)
    wanted: list[dict[str, Any]] = []
    total = size = 0
    for line in text.lines():
        if line.isspace():
            continue
        total += 1
        if not total % 1000:
            cancellation.check()
        if total > offset and len(wanted) < limit and size < cells.MOST_ANSWER:
            size += len(line)
            wanted.append(_record(file, line, total))
    names = list(dict.fromkeys(name for each in wanted for name in each))
    rows = [[each.get(name) for name in names[:MOST_COLUMNS]] for each in wanted]
    return _of_values(names, rows, limit, total if text.is_whole else None)


def _record(file: File, line: str, number: int) -> dict[str, Any]:
    if json_size.has_more_values(line.encode(), MOST_VALUES):
        raise _wrong(file, f"line {number} has more than {MOST_VALUES} values")
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _wrong(file, f"line {number} is not JSON ({error})") from None
    return found if isinstance(found, dict) else {"value": found}


def _document(file: File, offset: int, limit: int) -> Table:
    names, rows = whole(file)
    page = rows[offset : offset + limit]
    return _of_values(names, [row[:MOST_COLUMNS] for row in page], limit, len(rows))


def whole(file: File) -> tuple[list[Any], list[list[Any]]]:
    """Return the names of the columns and all rows of a table in a JSON document."""
    content = file.read(0, MOST_JSON + 1)
    if len(content) > MOST_JSON:
        raise _wrong(file, f"it has more than {MOST_JSON >> 20} MiB of JSON")
    if json_size.has_more_values(content, MOST_VALUES):
        raise _wrong(file, f"it has more than {MOST_VALUES} names and values")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _wrong(file, f"it is not JSON ({error})") from None
    return _names_and_rows(file, found)


def _names_and_rows(file: File, found: Any) -> tuple[list[Any], list[list[Any]]]:
    if isinstance(found, dict) and isinstance(found.get("columns"), list):
        rows = found.get("data")
        if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            return found["columns"], rows
    if isinstance(found, list) and found and all(isinstance(each, dict) for each in found):
        names = list(dict.fromkeys(name for each in found for name in each))
        return names, [[each.get(name) for name in names] for each in found]
    raise _wrong(file, 'it is neither {"columns": [...], "data": [[...]]} nor a list of objects')


def _of_values(
    names: Sequence[Any], rows: Sequence[Sequence[Any]], limit: int, total: int | None
) -> Table:
    kept = Rows(cells.unique(names)[:MOST_COLUMNS], limit)
    for row in rows:
        if kept.is_full:
            break
        kept.add(row)
    types = [
        cells.type_of_values(row[place] for row in rows if place < len(row))
        for place in range(len(kept.names))
    ]
    return Table(types, kept, total, len(names))


# -- Parquet ---------------------------------------------------------------------------------------


def _parquet(file: File, offset: int, limit: int) -> Table:
    with file.seekable() as stream:
        try:
            names, types, rows, total, width = parquet.read(stream, offset, limit, MOST_COLUMNS)
        except ImportError:
            raise InvalidValue(
                "This server cannot read Parquet, as pyarrow is not installed.",
                hint="Install it where the server runs: pip install 'pegboard-ui[parquet]'.",
            ) from None
        except ValueError as error:
            raise _wrong(file, str(error)) from None
    kept = Rows(names, limit)
    for row in rows:
        if kept.is_full:
            break
        kept.add(row)
    return Table(types, kept, total, width)


ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/artifacts/table",
        table,
        Permission.READ,
        "Rows of a table that a run logged: CSV, TSV, JSON lines, JSON or Parquet.",
        TableRequest,
        record(
            columns=array(record(name=TEXT, type=TEXT)),
            columns_total={"type": "integer"},
            rows_total={"type": ["integer", "null"]},
            rows=mapping({"type": "array"}),
            next_offset={"type": ["integer", "null"]},
            cut=BOOLEAN,
        ),
        tags=("Pages",),
    )
]
