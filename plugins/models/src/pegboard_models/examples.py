"""The example of input that is kept with a model, in MLflow's JSON forms."""

from __future__ import annotations

import base64
import datetime
import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.errors import InvalidValue, translate_os_error

from pegboard_models import kinds

if TYPE_CHECKING:
    from pegboard_models.mlmodel import Model

FILE_NAME = "input_example.json"
SERVING_FILE_NAME = "serving_input_example.json"

MAX_BYTES = 64 * 1024 * 1024

_CHAT_KEYS = ("messages", "input")
"""Keys of requests to chat models, which are sent as they are."""


@frozen
class Example:
    """An example: ``data`` and ``params`` as they were given, and what is written of them.

    ``content`` is the JSON of the file, ``serving`` that of a request to a scoring server, and
    ``info`` what ``MLmodel`` says of both.
    """

    data: Any
    params: dict[str, Any] | None
    content: Any
    serving: Any
    info: dict[str, Any]

    def save(self, directory: Path) -> None:
        """Write both files into a model's directory."""
        (directory / FILE_NAME).write_text(_json(self.content), encoding="utf-8")
        (directory / SERVING_FILE_NAME).write_text(self.serving_json(), encoding="utf-8")

    def serving_json(self) -> str:
        """Return the body of a request to a scoring server."""
        return _json(self.serving, 2)


def make(given: Any) -> Example:
    """Return an example of data, or of a pair of data and params; InvalidValue if it is neither."""
    data, params = _parted(deepcopy(given))
    if kinds.is_polars_frame(data) or kinds.is_polars_series(data):
        data = kinds.to_pandas(data)
    elif kinds.is_tensor(data):
        data = kinds.to_array(data)
    content, serving, info = _forms(data)
    info = {"artifact_path": FILE_NAME, "serving_input_path": SERVING_FILE_NAME, **info}
    if params is not None:
        info["params"] = "true"
        content = {"inputs": content, "params": params}
        inline = isinstance(serving, dict) and any(key in serving for key in _CHAT_KEYS)
        serving = {**serving, **(params if inline else {"params": params})}
    return Example(data, params, content, serving, info)


def _parted(given: Any) -> tuple[Any, dict[str, Any] | None]:
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        return given[0], given[1]
    return given, None


def _forms(data: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Return the example's JSON, that of a request, and its description."""
    if hasattr(data, "model_dump"):
        data = data.model_dump()
    if kinds.is_series(data):
        data = data.to_frame()
    if kinds.is_frame(data):
        split = _split(data)
        orient = "split" if "columns" in split else "values"
        return split, {"dataframe_split": split}, {"type": "dataframe", "pandas_orient": orient}
    if kinds.is_array(data):
        return _array(data), {"inputs": _array(data)}, {"type": "ndarray"}
    if kinds.is_sparse(data):
        return _sparse(data)
    if isinstance(data, dict):
        return _of_dict(data)
    if isinstance(data, (list, datetime.date)) or kinds.is_scalar(data):
        return data, {"inputs": data}, {"type": "json_object"}
    raise InvalidValue(
        f"An example of input cannot be {type(data).__name__}.",
        hint="It may be a table, an array, a sparse matrix, a dict, a list or one value.",
    )


def _of_dict(data: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    data = {key: kinds.to_array(v) if kinds.is_tensor(v) else v for key, v in data.items()}
    arrays = [kinds.is_array(value) for value in data.values()]
    if data and all(arrays):
        listed = {key: _array(value) for key, value in data.items()}
        return listed, {"inputs": listed}, {"type": "ndarray"}
    if any(arrays):
        raise InvalidValue("An example of input that is a dict holds only arrays, or none.")
    chat = any(key in data for key in _CHAT_KEYS)
    return data, (data if chat else {"inputs": data}), {"type": "json_object"}


def _split(table: Any) -> dict[str, Any]:
    split = table.astype(object).where(table.notnull(), None).to_dict(orient="split")
    del split["index"]
    if list(table.columns) == list(range(len(table.columns))):
        del split["columns"]
    return dict(split)


def _array(values: Any) -> Any:
    if values.dtype.kind in "fc":
        import numpy as np

        values = np.where(np.isnan(values), None, values)  # JSON has no NaN.
    return values.tolist()


def _sparse(matrix: Any) -> tuple[Any, Any, dict[str, Any]]:
    form = "csc" if matrix.format == "csc" else "csr"
    content = {
        "data": _array(matrix.data),
        "indices": matrix.indices.tolist(),
        "indptr": matrix.indptr.tolist(),
        "shape": list(matrix.shape),
    }
    return content, {"inputs": _array(matrix.toarray())}, {"type": f"sparse_matrix_{form}"}


def _json(content: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(content, indent=indent, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"An example of input cannot be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(bytes(value)).decode("ascii")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if kinds.is_array(value):
        return _array(value)
    if kinds.is_numpy_scalar(value):
        return str(value) if value.dtype.kind == "M" else value.item()
    if kinds.is_missing(value):
        return None
    raise TypeError(f"{type(value).__name__} has no form in JSON")


# -- reading ---------------------------------------------------------------------------------------


def load(model: Model, directory: Path) -> Any:
    """Return the example of a model's directory as data; None if there is none."""
    info = model.saved_input_example_info
    if info is None:
        return None
    content = _read(directory, info.get("artifact_path"))
    if info.get("params") is not None and isinstance(content, dict):
        content = content.get("inputs")
    try:
        return _revived(content, str(info.get("type")), model)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidValue(f"The example of input in {directory} is damaged: {error!r}") from error


def params(model: Model, directory: Path) -> dict[str, Any] | None:
    """Return the params of the example of a model's directory; None if there are none."""
    info = model.saved_input_example_info
    if info is None or info.get("params") is None:
        return None
    content = _read(directory, info.get("artifact_path"))
    return content.get("params") if isinstance(content, dict) else None


def serving_input(model: Model, directory: Path) -> str | None:
    """Return the body of a request to a scoring server, None if there is none."""
    info = model.saved_input_example_info or {}
    if "serving_input_path" not in info:
        return None
    return _text(directory, info["serving_input_path"])


def _text(directory: Path, name: Any) -> str:
    from pegboard_models.model_files import part

    file = part(directory, name, "saved_input_example_info")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvalidValue(f"{file} is larger than {MAX_BYTES >> 20} MiB.")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise translate_os_error(error, file) from error


def _read(directory: Path, name: Any) -> Any:
    try:
        return json.loads(_text(directory, name))
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{directory / str(name)} is not valid JSON: {error}") from error


def _revived(content: Any, kind: str, model: Model) -> Any:
    if kind == "dataframe":
        return _table(content, model)
    if kind == "ndarray":
        return _arrays(content, model)
    if kind.startswith("sparse_matrix_"):
        from scipy.sparse import csc_matrix, csr_matrix

        matrix = csc_matrix if kind.endswith("csc") else csr_matrix
        parts = (content["data"], content["indices"], content["indptr"])
        return matrix(parts, shape=tuple(content["shape"]))
    if kind == "json_object":
        return content
    raise InvalidValue(f"An example of input of the kind {kind!r} cannot be read.")


def _table(content: Any, model: Model) -> Any:
    from pegboard_scripting.client.frames import load_pandas

    pd = load_pandas()

    from pegboard_models.parsing import typed_table

    table = pd.DataFrame(content["data"], columns=content.get("columns"))
    return typed_table(table, model.get_input_schema())


def _arrays(content: Any, model: Model) -> Any:
    from pegboard_models.parsing import typed_arrays

    return typed_arrays(content, model.get_input_schema())
