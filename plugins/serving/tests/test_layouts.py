"""What layouts make of rows is what a signature asks for: nothing is left to check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pegboard_models.datatypes import DataType
from pegboard_models.enforcement import enforce
from pegboard_models.schema import ColSpec, Schema, TensorSpec
from pegboard_serving.layouts import layout_of

VALUES: dict[DataType, list[Any]] = {
    DataType.boolean: [True, False, 1],
    DataType.integer: [1, 2.0, "3"],
    DataType.long: [2**53 + 1, 2, 3],
    DataType.float: [0.1, None, 3],
    DataType.double: [0.1, None, "1e3"],
    DataType.string: ["é", None, ""],
    DataType.binary: ["AP8=", None, ""],
    DataType.datetime: ["2024-05-06T07:08:09", None, "2024-05-06"],
}


def built(schema: Schema, rows: list[Any]) -> Any:
    layout = layout_of(schema)
    assert layout is not None
    return layout.build(rows)


def everything() -> Schema:
    return Schema([ColSpec(kind, kind.name) for kind in VALUES])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_table_of_all_types_is_checked_already(count: int) -> None:
    schema = everything()
    rows = [list(row) for row in zip(*VALUES.values(), strict=True)][:count]
    table = built(schema, rows)
    assert len(table) == count
    assert enforce(table, schema) is table


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.name)
def test_a_table_of_one_type_is_checked_already(kind: DataType) -> None:
    schema = Schema([ColSpec(kind, "one"), ColSpec(kind, "other")])
    for rows in ([], [[value] * 2 for value in VALUES[kind]]):
        table = built(schema, rows)
        assert enforce(table, schema) is table


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "uint16"])
def test_an_array_is_checked_already(dtype: str) -> None:
    schema = Schema([TensorSpec(np.dtype(dtype), (-1, 2))])
    for rows in ([], [[1, 2], [3.0, 4]]):
        array = built(schema, rows)
        assert enforce(array, schema) is array
