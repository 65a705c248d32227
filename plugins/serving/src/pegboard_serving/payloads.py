"""What a request asks for: its body read, and brought into the form that the model takes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen
from pegboard.errors import quoted
from pegboard_server import Failure

from pegboard_serving import bounds, forms, json_text, tables
from pegboard_serving.forms import malformed
from pegboard_serving.layouts import Layout, Rows, Table, Tensor
from pegboard_serving.signature import Expected

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_LLM = frozenset({"messages", "prompt", "input"})
"""The keys of which one makes a body a request to a language model, as MLflow and others do."""
Read: TypeAlias = "tuple[Rows | None, Callable[[], Any] | None]"
_SHORT = 64 << 10
_ONE_OF = ", ".join(_FORMS)


@frozen
class Payload:
    """What is to be predicted: rows for a layout, or else what makes data as the model takes it."""

    rows: Rows | None = None
    make: Callable[[], Any] | None = None
    params: Mapping[str, Any] = field(factory=dict)
    bare: bool = False
    """Whether the answer is the prediction alone, as clients of language models expect."""

    @property
    def is_checked(self) -> bool:
        """Whether ``input`` makes what the signature asks for, or raises."""
        return self.rows is not None

    def framed(self, predictions: bytes) -> bytes:
        """Return the whole answer that holds predictions, both as JSON."""
        return predictions if self.bare else b'{"predictions":' + predictions + b"}"

    def input(self, layout: Layout | None) -> Any:
        """Return what the model is given; Failure or SchemaMismatch if it cannot be made.

        This may take a while, as reading the payload does not.
        """
        if self.rows is not None and layout is not None:
            return layout.build(self.rows)
        return None if self.make is None else self.make()


def read(body: bytes, content_type: str | None, expected: Expected) -> Payload:
    """Return what a body asks for; Failure (400, 413 or 415) if it is malformed or too much."""
    kind = media_type(content_type)
    if kind == JSON:
        bounds.check_json(body)
        return from_fields(parsed(body), expected)
    if kind == CSV:
        return Payload(make=lambda: _csv(body, expected))
    if kind == PARQUET:
        return Payload(make=lambda: _parquet(body, expected))
    raise Failure(
        415, "BAD_REQUEST", f"The Content-Type has to be {JSON} or {CSV}, not {quoted(kind)}."
    )


def is_soon_read(body: bytes) -> bool:
    """Whether to read a body takes so little time that the event loop can do it."""
    return len(body) <= _SHORT


def media_type(content_type: str | None) -> str:
    """Return the type that a header Content-Type names; Failure unless its charset is UTF-8."""
    if not content_type:
        raise Failure(415, "BAD_REQUEST", "The header Content-Type is missing.")
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip().lower() != "charset":
            text = f"The parameter {quoted(name)} of the Content-Type is not understood."
            raise Failure(415, "BAD_REQUEST", text)
        if value.strip(' "').lower() not in ("utf-8", "utf8"):
            raise Failure(415, "BAD_REQUEST", "The body has to be in UTF-8.")
    return kind.lower()


def parsed(body: bytes) -> dict[str, Any]:
    """Return the object that JSON text holds; Failure if it holds none."""
    try:
        fields = json_text.loads(body)
    except ValueError as error:
        raise malformed(f"The body is not valid JSON: {error}.") from None
    if not isinstance(fields, dict):
        raise malformed(f"The body has to be a JSON object with one of {_ONE_OF}.")
    return fields


def from_fields(fields: dict[str, Any], expected: Expected) -> Payload:
    """Return what the fields of a body ask for."""
    found = [key for key in _FORMS if key in fields]
    if not found and not _LLM.isdisjoint(fields):
        return _for_language_model(fields, expected)
    if len(found) != 1:
        what = f"both {found[0]} and {found[1]}" if found else "none of them"
        raise malformed(f"The body has to have exactly one of {_ONE_OF}; it has {what}.")
    params = fields.get("params")
    if len(fields) > 1 + ("params" in fields):
        unknown = next(key for key in fields if key not in (*_FORMS, "params"))
        raise malformed(
            f"The body has the key {quoted(unknown)}, which is not known. "
            f"Beside one of {_ONE_OF} there can only be params."
        )
    if params is not None and not isinstance(params, dict):
        raise malformed("The params have to be a JSON object.")
    (form,) = found
    rows, make = _READERS[form](fields[form], expected)
    return Payload(rows, make, params or {})


def _split(value: Any, expected: Expected) -> Read:
    columns, index, rows = forms.split_parts(value)
    if isinstance(expected.layout, Table) and index is None and columns is not None:
        chosen = forms.chosen(columns, rows, expected.layout.names)
        if chosen is not None:
            return chosen, None
    return None, lambda: forms.from_split(columns, index, rows, expected.schema)


def _records(value: Any, expected: Expected) -> Read:
    if not isinstance(value, list):
        raise malformed("dataframe_records has to be a list of objects.")
    if isinstance(expected.layout, Table):
        rows = forms.of_records(value, expected.layout.names)
        if rows is not None:
            return rows, None
    return None, lambda: forms.from_records(value, expected.schema)


def _instances(value: Any, expected: Expected) -> Read:
    layout = expected.layout
    if isinstance(value, list):
        if isinstance(layout, Tensor) and not (value and isinstance(value[0], dict)):
            return value, None
        if isinstance(layout, Table) and (rows := forms.of_records(value, layout.names)):
            return rows, None
    return None, lambda: forms.from_instances(value, expected.schema)


def _inputs(value: Any, expected: Expected) -> Read:
    layout = expected.layout
    if expected.is_raw:
        return None, lambda: value
    if isinstance(value, list):
        if isinstance(layout, Tensor) and not (value and isinstance(value[0], dict)):
            return value, None
        if isinstance(layout, Table) and (rows := forms.of_records(value, layout.names)):
            return rows, None
    if isinstance(value, dict) and isinstance(layout, Table):
        rows = forms.of_columns(value, layout.names)
        if rows is not None:
            return rows, None
    return None, lambda: forms.from_inputs(value, expected.schema)


_READERS = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}


def _for_language_model(fields: dict[str, Any], expected: Expected) -> Payload:
    names = expected.param_names
    params = {key: value for key, value in fields.items() if key in names}
    data = {key: value for key, value in fields.items() if key not in names}
    if expected.schema is not None and expected.schema.has_input_names():
        known = set(expected.schema.input_names())
        if known.isdisjoint(data):
            raise malformed(
                f"The body has to have one of {_ONE_OF}. The model has no input that is called "
                f"{quoted(next(key for key in data if key in _LLM))}."
            )
    return Payload(make=lambda: data, params=params, bare=True)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed("The body is not valid UTF-8.") from None


def _csv(body: bytes, expected: Expected) -> Any:
    text = _text(body)
    bounds.check_csv(text, expected.schema)
    return tables.read(io.StringIO(text), expected.schema)


def _parquet(body: bytes, expected: Expected) -> Any:
    import pandas as pd

    try:
        bounds.check_parquet(body, expected.schema)
        return pd.read_parquet(io.BytesIO(body))
    except ImportError:
        text = "The server cannot read Parquet, as pyarrow is not installed."
        raise Failure(415, "BAD_REQUEST", text) from None
    except Failure:
        raise
    except Exception as error:
        raise malformed(f"The body is not valid Parquet: {error}") from None
