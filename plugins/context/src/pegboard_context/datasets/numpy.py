"""numpy arrays, alone or by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_context.datasets import common

if TYPE_CHECKING:
    from pegboard.entities import Dataset


def describe(
    features: Any,
    *,
    name: str | None = None,
    source: str | os.PathLike[str] | None = None,
    targets: Any = None,
    digest: str | None = None,
) -> Dataset:
    """Describe an array or a dict of arrays; ``targets`` is another one."""
    import numpy as np

    if targets is not None:
        arrays = list(targets.values()) if isinstance(targets, dict) else [targets]
        if not all(isinstance(array, np.ndarray) for array in arrays):
            raise InvalidValue(
                "The targets of a numpy dataset are an array or a dict of arrays; "
                f"got {type(targets).__name__}."
            )
    return common.dataset(
        name=name,
        digest=digest or compute_digest(features, targets),
        source=common.source_of(source),
        schema=schema(features, targets),
        profile=_profile("features", features) | _profile("targets", targets),
    )


def compute_digest(features: Any, targets: Any = None) -> str:
    """Return the digest that MLflow computes.

    It covers the shapes, and of each array the first 10,000 values.
    """
    parts: list[Any] = []
    for item in (features, targets):
        if isinstance(item, dict):
            for key in sorted(item):
                parts.extend(_array_parts(item[key]))
        elif item is not None:
            parts.extend(_array_parts(item))
    return common.md5_digest(parts)


def _array_parts(array: Any) -> Iterator[Any]:
    import numpy as np

    # ``flat`` copies no more than is taken.
    values = array.flat[: common.SAMPLED_ROWS]
    try:
        yield _hashes(values)
    except (TypeError, ValueError):
        yield np.int64(values.size)
    for length in array.shape:
        yield np.int64(length)


def _hashes(values: Any) -> Any:
    """Return a 64-bit hash of each value: that of pandas, which is not needed for numbers."""
    import numpy as np

    dtype = values.dtype
    if dtype.kind == "b":
        return _mixed(values.astype(np.uint64))
    if dtype.kind == "f":
        # One pattern of bits for all NaN, and one for both zeros.
        values = np.where(np.isnan(values), dtype.type(np.nan), values) + dtype.type(0)
    if dtype.kind in "mMiuf" and dtype.itemsize <= 8:
        return _mixed(values.view(f"u{dtype.itemsize}").astype(np.uint64))
    if dtype.kind == "c" and dtype.itemsize <= 16:
        return _hashes(values.real.copy()) + np.uint64(23) * _hashes(values.imag.copy())
    try:
        from pandas.util import hash_array
    except ImportError:
        return repr(values.tolist()).encode()
    return hash_array(values)


def _mixed(bits: Any) -> Any:
    """Return the finalizer of SplitMix64 of unsigned 64-bit integers, changing them in place."""
    import numpy as np

    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def schema(features: Any, targets: Any = None) -> dict[str, Any] | None:
    """Return types and shapes, the first axis open; None if an array has no axis."""
    specs = [None if item is None else _tensors(item) for item in (features, targets)]
    if specs[0] is None or (targets is not None and specs[1] is None):
        return None
    return {
        "mlflow_tensorspec": {
            "features": json.dumps(specs[0]),
            "targets": None if specs[1] is None else json.dumps(specs[1]),
        }
    }


def _tensors(item: Any) -> list[dict[str, Any]] | None:
    named = item.items() if isinstance(item, dict) else [(None, item)]
    found = []
    for name, array in named:
        if not array.shape:
            return None
        # The width of text does not belong to its type.
        dtype = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
        spec = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *array.shape[1:]]}}
        found.append(spec if name is None else {"name": name, **spec})
    return found


def _profile(what: str, item: Any) -> dict[str, Any]:
    if item is None:
        return {}

    def of(attribute: str) -> Any:
        if isinstance(item, dict):
            return {name: getattr(array, attribute) for name, array in item.items()}
        return getattr(item, attribute)

    return {f"{what}_{name}": of(name) for name in ("shape", "size", "nbytes")}
