from __future__ import annotations

import json
import string
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import InvalidValue, PegboardError
from pegboard_models.datatypes import (
    AnyType,
    Array,
    ColumnType,
    DataType,
    Map,
    Object,
    Property,
    SparkMLVector,
    merged,
    type_from_dict,
)
from pegboard_models.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from pegboard_models.signature import ModelSignature

NAMES = st.text(string.ascii_letters + "ü 0_", min_size=1, max_size=5)


def composed(inner: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[ColumnType]:
    objects = st.dictionaries(NAMES, st.tuples(inner, st.booleans()), min_size=1, max_size=3).map(
        lambda parts: Object([Property(name, *part) for name, part in parts.items()])
    )
    return inner.map(Array) | inner.map(Map) | objects


TYPES = st.recursive(
    st.sampled_from([*DataType, AnyType(), SparkMLVector()]), composed, max_leaves=6
)
COLUMNS = st.dictionaries(NAMES, st.tuples(TYPES, st.booleans()), min_size=1, max_size=4).map(
    lambda parts: Schema([ColSpec(kind, name, need) for name, (kind, need) in parts.items()])
)
TENSORS = st.dictionaries(
    NAMES,
    st.tuples(
        st.sampled_from(["float32", "int64", "bool", "str", "object", "datetime64[ns]"]),
        st.lists(st.integers(-1, 9), max_size=4),
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: Schema([TensorSpec(*spec, name) for name, spec in parts.items()]))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "items", "properties", "values", "tensor-spec",
                             "dtype", "shape", "required", "default"]),
            inner | st.sampled_from(["array", "object", "map", "tensor", "long", "any"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(COLUMNS | TENSORS)
def test_a_schema_is_read_as_it_was_written(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


@given(st.text(max_size=20) | JSON.map(json.dumps) | st.lists(JSON).map(json.dumps))
def test_what_is_no_schema_is_an_error_for_people(text: str) -> None:
    for kind in (Schema, ParamSchema):
        try:
            kind.from_json(text)
        except PegboardError as error:
            assert error.message


@given(TYPES, TYPES)
def test_merging_does_not_depend_on_the_order(one: ColumnType, other: ColumnType) -> None:
    def outcome(a: ColumnType, b: ColumnType) -> Any:
        try:
            return merged(a, b)
        except InvalidValue:
            return None

    assert outcome(one, other) == outcome(other, one)


@given(TYPES)
def test_a_type_merged_with_itself_is_that_type(kind: ColumnType) -> None:
    if not isinstance(kind, AnyType):
        assert merged(kind, kind) == kind


def test_what_some_objects_lack_becomes_optional() -> None:
    one = Object([Property("x", "long"), Property("y", "string")])
    other = Object([Property("x", "long"), Property("z", Array("double"))])
    assert merged(one, other) == Object(
        [
            Property("x", "long"),
            Property("y", "string", required=False),
            Property("z", Array("double"), required=False),
        ]
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Schema([]), "at least one input"),
        (lambda: Schema([ColSpec("long"), ColSpec("long", "a")]), "Either all inputs"),
        (lambda: Schema([ColSpec("long", "a"), TensorSpec("f4", (-1,), "b")]), "not of both"),
        (lambda: Schema([TensorSpec("f4", (-1,)), TensorSpec("f4", (-1,))]), "need names"),
        (lambda: Schema([ColSpec("long", required=False)]), "needs a name"),
        (lambda: ColSpec("number"), "'number' is not the type"),
        (lambda: Object([]), "at least one property"),
        (lambda: Object([Property("a", "long"), Property("a", "long")]), "'a' twice"),
        (lambda: TensorSpec("nothing", (-1,)), "not a type of NumPy"),
        (lambda: ParamSpec("p", "binary", b""), "cannot be of type binary"),
        (lambda: ParamSpec("p", "long", "x"), "'p' is 'x'"),
        (lambda: ParamSpec("p", "long", 1, (2,)), "has the shape"),
        (lambda: ParamSchema([ParamSpec("p", "long", 1)] * 2), "declared twice"),
        (ModelSignature, "at least one of inputs"),
        (lambda: ModelSignature([1, 2]), "inputs of a signature are a Schema"),  # type: ignore[arg-type]
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        make()


def test_types_nested_too_deep_are_refused() -> None:
    content: dict[str, Any] = {"type": "long"}
    for _ in range(200):
        content = {"type": "array", "items": content}
    with pytest.raises(InvalidValue, match="nested deeper"):
        type_from_dict(content)


def test_the_length_of_texts_is_no_part_of_a_tensor_s_type() -> None:
    assert TensorSpec(np.array(["abc"]).dtype, (-1,)) == TensorSpec("str", (-1,))


def test_a_signature_is_read_as_it_was_written() -> None:
    signature = ModelSignature(
        Schema([ColSpec("double", "a")]),
        Schema([TensorSpec("int64", (-1,))]),
        ParamSchema(
            [
                ParamSpec("t", "double", 0.5),
                ParamSpec("k", "long", [1, 2], (-1,)),
                ParamSpec("d", "datetime", "2020-01-02T03:04:05"),
                ParamSpec("o", Object([Property("x", "long")]), {"x": 1}),
            ]
        ),
    )
    assert ModelSignature.from_dict(signature.to_dict()) == signature
    assert "'a': double (required)" in repr(signature)
