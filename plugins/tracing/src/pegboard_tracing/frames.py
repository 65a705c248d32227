"""Traces as a table of pandas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue, PegboardError

from pegboard_tracing.entities.traces import COLUMNS, Trace

if TYPE_CHECKING:
    import pandas

_PART = r"(?:`([^`]+)`|([^`.]+))"
_FIELD = re.compile(rf"{_PART}\.(inputs|outputs)(?:\.{_PART})?")


def table(traces: Sequence[Trace], fields: Sequence[str] = ()) -> pandas.DataFrame:
    """Return a table with a row for each trace, and a column for each field of a span.

    A field is like ``name.inputs`` or ``name.outputs.answer``; names with full stops are in
    backticks.
    """
    try:
        import pandas
    except ImportError:
        raise PegboardError(
            "A table of traces needs pandas, which is not installed.",
            hint="Install pegboard-tracing[pandas], or give return_type='list'.",
        ) from None
    parsed = [_parse(field) for field in fields]
    rows = []
    for trace in traces:
        row = trace.to_pandas_dataframe_row()
        row.update((field, _value(trace, *parts)) for field, parts in parsed)
        rows.append(row)
    columns = [*COLUMNS, *(field for field, _ in parsed)]
    return pandas.DataFrame.from_records(rows, columns=columns)


def _parse(field: str) -> tuple[str, tuple[str, str, str | None]]:
    found = _FIELD.fullmatch(field)
    if found is None:
        raise InvalidValue(
            f"{field!r} is not a field of a span.",
            hint="Fields are like name.inputs, name.outputs or name.inputs.question.",
        )
    quoted, plain, kind, quoted_key, plain_key = found.groups()
    name, key = quoted or plain, quoted_key or plain_key
    return ".".join(filter(None, (name, kind, key))), (name, kind, key)


def _value(trace: Trace, name: str, kind: str, key: str | None) -> Any:
    found = None
    for span in trace.data.spans:
        if span.name == name:
            value = getattr(span, kind)
            found = value if key is None else value.get(key) if isinstance(value, dict) else None
    return found
