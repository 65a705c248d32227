"""What the differential tests beside the real MLflow do not cover: other libraries' data."""

from __future__ import annotations

import dataclasses
import datetime
import json
from decimal import Decimal
from typing import Any, Optional

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pegboard_models import hints, inference
from pegboard_models.datatypes import AnyType, Array, DataType, Object, Property
from pegboard_models.schema import ColSpec, Schema, TensorSpec
from pegboard_models.signature import infer_signature


def columns(schema: Schema | None) -> dict[Any, tuple[str, bool]]:
    assert schema is not None
    return {spec.name: (repr(spec.type), spec.required) for spec in schema}


def test_a_table_of_polars_has_the_schema_of_the_same_table_of_pandas() -> None:
    content: dict[str, list[Any]] = {
        "i": [1, 2],
        "f": [1.5, float("nan")],
        "n": [None, 2.0],
        "s": ["a", None],
        "b": [True, False],
        "y": [b"a", b"b"],
        "t": [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)],
        "l": [[1, 2], [3]],
        "o": [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
    }
    ours = columns(inference.schema(pl.DataFrame(content)))
    assert ours == columns(inference.schema(pd.DataFrame(content)))


def test_the_sizes_of_polars_numbers_are_kept() -> None:
    table = pl.DataFrame(
        {"a": [1], "b": [1], "c": [1.0], "d": [1], "e": ["x"], "f": [datetime.date(2020, 1, 1)]},
        schema={
            "a": pl.Int32,
            "b": pl.UInt32,
            "c": pl.Float32,
            "d": pl.Int8,
            "e": pl.Categorical,
            "f": pl.Date,
        },
    )
    kinds = [kind for kind, _ in columns(inference.schema(table)).values()]
    assert kinds == ["integer", "long", "float", "integer", "string", "datetime"]


def test_a_series_of_polars_is_a_column() -> None:
    assert inference.schema(pl.Series("a", [1, 2])) == Schema([ColSpec("long", "a")])


def test_a_polars_type_without_a_counterpart_is_named(caplog: pytest.LogCaptureFixture) -> None:
    table = pl.DataFrame({"a": [datetime.timedelta(1)], "b": [1]})
    assert inference.schema(table) == Schema([ColSpec(AnyType(), "a"), ColSpec("long", "b")])
    assert "'a'" in caplog.text and "Duration" in caplog.text


@pytest.mark.parametrize(
    "strange",
    [[1, "x"], [1j], [datetime.timedelta(1)], [Decimal(1)], [[1], [[]], [{}]], [2**70]],
    ids=repr,
)
def test_one_column_without_a_type_leaves_the_others_theirs(
    strange: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for data in (
        pd.DataFrame({"a": pd.Series(strange, dtype=object), "b": [0.5] * len(strange)}),
        [{"a": each, "b": 0.5} for each in strange],
        {"a": strange, "b": 0.5},
    ):
        caplog.clear()
        kinds = {spec.name: spec.type for spec in infer_signature(data).inputs}
        assert kinds == {"a": AnyType(), "b": DataType.double}
        assert "'a'" in caplog.text and "'b'" not in caplog.text


class Tensor:
    """An array of another library, as PyTorch and JAX have them."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, "tensor.float32"
        self.attached = True

    def detach(self) -> Tensor:
        tensor = Tensor(self._array)
        tensor.attached = False
        return tensor

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        assert not self.attached
        return self._array


def test_tensors_of_other_libraries_are_described_like_arrays() -> None:
    tensor = Tensor(np.ones((2, 3), dtype="float32"))
    assert inference.schema(tensor) == Schema([TensorSpec("float32", (-1, 3))])
    assert inference.schema({"x": tensor}) == Schema([TensorSpec("float32", (-1, 3), "x")])


def test_the_sizes_of_numpy_scalars_are_kept() -> None:
    given = {"a": np.int8(1), "b": np.float16(1), "c": np.int32(1), "d": "text"}
    kinds = [kind for kind, _ in columns(inference.schema(given)).values()]
    assert kinds == ["integer", "float", "integer", "string"]


def test_what_has_no_schema_accepts_anything_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signature = infer_signature(range(2), {1, 2})
    assert signature.inputs == signature.outputs == Schema([ColSpec(AnyType())])
    assert "input cannot be inferred" in caplog.text
    assert "output cannot be inferred" in caplog.text


def test_an_example_is_not_changed() -> None:
    params = {"k": [1, 2]}
    schema = inference.param_schema(params)
    params["k"].append(3)
    assert schema.params[0].default == [1, 2]


@dataclasses.dataclass
class Inner:
    x: int
    y: list[str]


@dataclasses.dataclass
class Outer:
    a: float
    b: Optional[str]  # noqa: UP045 (both ways are written)
    c: Inner
    d: list[Inner] | None = None


def test_dataclasses_describe_columns() -> None:
    inner = Object([Property("x", "long"), Property("y", Array("string"))])
    assert inference.schema(Outer) == Schema(
        [
            ColSpec("double", "a"),
            ColSpec("string", "b", required=False),
            ColSpec(inner, "c"),
            ColSpec(Array(inner), "d", required=False),
        ]
    )


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (list[str], '[{"type": "string", "required": true}]'),
        (list[int], '[{"type": "long", "required": true}]'),
        (list[list[float]], '[{"type": "array", "items": {"type": "double"}, "required": true}]'),
        (list[dict[str, int]], '[{"type": "map", "values": {"type": "long"}, "required": true}]'),
        (list[Any], '[{"type": "any", "required": true}]'),
        (list[int | str], '[{"type": "any", "required": true}]'),
    ],
)
def test_type_hints_describe_the_input(hint: Any, expected: str) -> None:
    schema = hints.input_schema(hint)
    assert schema is not None
    assert schema.to_dict() == json.loads(expected)


def test_hints_of_other_kinds_describe_nothing() -> None:
    assert hints.input_schema(pd.DataFrame) is None
    assert hints.input_schema(None) is None
    assert hints.output_schema(pd.DataFrame) == Schema([ColSpec(AnyType())])
