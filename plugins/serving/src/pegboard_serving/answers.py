"""Predictions as JSON, in MLflow's form, and predictions of several requests taken apart."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pandas as pd
from pegboard.errors import NotSupported

_OPTIONS = orjson.OPT_NON_STR_KEYS


def plain(predictions: Any) -> Any:
    """Return predictions as lists and objects: tables as a list of records."""
    if isinstance(predictions, np.ndarray):
        return _of_array(predictions)
    if isinstance(predictions, pd.Series):
        predictions = predictions.to_frame()
    if isinstance(predictions, pd.DataFrame):
        return predictions.to_dict(orient="records")
    return predictions


def _of_array(values: np.ndarray[Any, Any]) -> Any:
    if values.dtype.kind == "S":
        return _each(values.tolist())
    return values.tolist()


def _each(value: Any) -> Any:
    return [_each(item) for item in value] if isinstance(value, list) else _base64(value)


def encoded(predictions: Any) -> bytes:
    """Return predictions as JSON text."""
    return dumps(plain(predictions))


def dumps(value: Any) -> bytes:
    """Return JSON text of what a model may return; NotSupported if there is none.

    JSON has no NaN and no infinity: both become null.
    """
    try:
        return orjson.dumps(value, _default, _OPTIONS)
    except TypeError:
        # Numbers of more than 64 bits, keys of NumPy's types, or what has no JSON at all.
        return _dumps_slowly(value)


def _dumps_slowly(value: Any) -> bytes:
    import json

    try:
        return json.dumps(_simple(value), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotSupported(f"What the model returned cannot be sent as JSON: {error}.") from None


def _simple(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): _simple(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_simple(item) for item in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return _simple(_default(value))


def _key(key: Any) -> str:
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def _default(value: Any) -> Any:
    """Return what stands for a value that JSON does not know."""
    if isinstance(value, np.ndarray):
        return _of_array(value)
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value))
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (bytes, bytearray)):
        return _base64(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return plain(value)
    if callable(dump := getattr(value, "model_dump", None)):
        return dump()
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _base64(value: bytes | bytearray) -> str:
    return base64.encodebytes(value).decode("ascii")


def parts(predictions: Any, counts: Sequence[int]) -> Iterator[Any] | None:
    """Return the predictions of each of several requests; None if they cannot be taken apart.

    They can if there is one for each row of input.
    """
    if not isinstance(predictions, (np.ndarray, pd.DataFrame, pd.Series, list)):
        return None
    if isinstance(predictions, np.ndarray) and not predictions.ndim:
        return None
    if len(predictions) != sum(counts):
        return None
    values = plain(predictions)
    ends = [0, *np.cumsum(counts).tolist()]
    return (values[start:end] for start, end in pairwise(ends))
