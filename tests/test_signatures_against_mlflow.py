"""Signatures are inferred, and data checked against them, as the real MLflow does it.

Each example is a piece of Python that both evaluate, so that both see the same data.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pegboard.errors import PegboardError
from pegboard_models import enforcement, inference
from pegboard_models.schema import ParamSchema, Schema
from pegboard_models.signature import ModelSignature, infer_signature
from scipy.sparse import csc_matrix, csr_matrix

EXAMPLES = {
    "floats": "pd.DataFrame({'a': [1.0, 2.0], 'b': [0.5, 1.5]})",
    "numbers of all sizes": "pd.DataFrame({t: np.array([1, 2], dtype=t) for t in "
    "['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'float16', 'float32']})",
    "a number too large": "pd.DataFrame({'a': np.array([1], dtype='uint64')})",
    "booleans": "pd.DataFrame({'a': [True, False]})",
    "texts": "pd.DataFrame({'a': ['x', 'y']})",
    "texts and a missing one": "pd.DataFrame({'a': ['x', None]})",
    "bytes": "pd.DataFrame({'a': [b'x', b'y']})",
    "floats and NaN": "pd.DataFrame({'a': [1.0, float('nan')]})",
    "nothing but missing": "pd.DataFrame({'a': [None, None]})",
    "times": "pd.DataFrame({'a': pd.to_datetime(['2020-01-01', '2021-01-01'])})",
    "dates as objects": "pd.DataFrame({'a': [datetime.date(2020, 1, 1)]})",
    "times with a missing one": "pd.DataFrame({'a': pd.to_datetime(['2020-01-01', None])})",
    "nullable integers": "pd.DataFrame({'a': pd.array([1, None], dtype='Int64')})",
    "nullable booleans": "pd.DataFrame({'a': pd.array([True, None], dtype='boolean')})",
    "columns with numbers as names": "pd.DataFrame(np.ones((2, 3)))",
    "lists": "pd.DataFrame({'a': [[1, 2], [3]]})",
    "lists of lists": "pd.DataFrame({'a': [[['x'], ['y', 'z']], [[]]]})",
    "arrays": "pd.DataFrame({'a': [np.array([1.0, 2.0]), np.array([3.0])]})",
    "objects": "pd.DataFrame({'a': [{'x': 1, 'y': 'b'}, {'x': 2}]})",
    "objects in objects": "pd.DataFrame({'a': [{'x': {'y': [1.0]}}, {'x': {'z': True}}]})",
    "objects with None": "pd.DataFrame({'a': [{'x': 1, 'y': None}, {'x': None, 'y': 'b'}]})",
    "values of two types": "pd.DataFrame({'a': [1, 'x']})",
    "categories": "pd.DataFrame({'a': pd.Categorical(['x', 'y'])})",
    "durations": "pd.DataFrame({'a': pd.to_timedelta([1, 2])})",
    "complex numbers": "pd.DataFrame({'a': [1j]})",
    "no rows": "pd.DataFrame({'a': np.array([], dtype='float64')})",
    "a series": "pd.Series([1, 2], name='a')",
    "a series without a name": "pd.Series(['x'])",
    "an array": "np.ones((3, 4))",
    "an array of one dimension": "np.array([1, 2], dtype='int32')",
    "an image": "np.zeros((2, 8, 8, 3), dtype='uint8')",
    "an array of texts": "np.array(['abc', 'de'])",
    "an array of bytes": "np.array([b'abc'])",
    "an array of booleans": "np.array([True])",
    "an array of times": "np.array(['2020-01-01'], dtype='datetime64[ns]')",
    "an array of objects": "np.array([{'a': 1}, 'x'], dtype=object)",
    "a sparse matrix": "csr_matrix(np.eye(3))",
    "a sparse matrix by columns": "csc_matrix(np.eye(3, dtype='float32'))",
    "a dict of arrays": "{'x': np.ones((2, 3)), 'y': np.zeros(2, dtype='int64')}",
    "a dict of scalars": "{'x': 1, 'y': 'text', 'z': 1.5, 'w': True}",
    "a dict of lists": "{'x': [1, 2], 'y': ['a']}",
    "a dict with None": "{'x': None, 'y': 1}",
    "a dict with a missing item": "{'x': ['a', None]}",
    "a dict of dicts": "{'x': {'y': 1, 'z': {'w': 'a'}}}",
    "a dict with an empty list": "{'x': []}",
    "a dict with numbers as keys": "{1: 2}",
    "a chat": "{'messages': [{'role': 'user', 'content': 'hi'}], 'n': 1}",
    "a list of texts": "['a', 'b']",
    "a list of numbers": "[1, 2]",
    "a list of floats": "[1.0, 2.5]",
    "a list of mixed numbers": "[1, 2.5]",
    "a list with None": "['a', None]",
    "a list of lists": "[[1, 2], [3, 4]]",
    "a list of dicts": "[{'a': 1, 'b': 'x'}, {'a': 2}]",
    "a list of dicts with None": "[{'a': 1, 'b': None}, {'a': None, 'b': 'y'}]",
    "a list of dicts with lists": "[{'a': [1]}, {'a': []}]",
    "an empty list": "[]",
    "a text": "'hello'",
    "a number": "1",
    "a float": "1.5",
    "a boolean": "True",
    "some bytes": "b'x'",
    "a time": "datetime.datetime(2020, 1, 1)",
    "a scalar of NumPy's": "np.float32(1)",
    "a NumPy time": "np.datetime64('2020-01-01')",
    "an empty array": "np.array([])",
    "a set": "{1, 2}",
    "an object": "object()",
}

PARAMS = [
    "{'t': 0.5, 'k': [1, 2], 's': 'x', 'b': True}",
    "{'d': datetime.datetime(2020, 1, 2, 3), 'n': np.float32(1), 'l': ['a', 'b']}",
    "{'o': {'x': 1, 'y': {'z': 'a'}}}",
    "{'a': np.array([1.5, 2.5])}",
    "{'x': [[1, 2]]}",
    "{'x': None}",
    "{'x': [1, 'a']}",
    "{'x': b'bytes'}",
]

# A schema as JSON, and data: is it accepted, and of which types is what comes out?
CHECKS = [
    (kind, given)
    for kind in ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
    for given in (
        "np.array([1, 2], dtype='int8')",
        "np.array([1, 2], dtype='int32')",
        "np.array([0, 1], dtype='int64')",
        "np.array([1, 2], dtype='uint32')",
        "np.array([1, 2], dtype='float32')",
        "np.array([1.5, float('nan')])",
        "np.array([True, False])",
        "['x', 'y']",
        "[b'x', b'y']",
        "pd.to_datetime(['2020-01-01', '2021-01-01'])",
        "pd.to_datetime(['2020-01-01']).tz_localize('UTC')",
        "[None, None]",
        "[True, None]",
        "pd.array([1, None], dtype='Int64')",
        "[[1], [2]]",
    )
]

_TWO = [
    {"type": "double", "name": "a", "required": True},
    {"type": "long", "name": "b", "required": True},
]
DATA: list[tuple[Any, str]] = [
    (_TWO, given)
    for given in (
        "pd.DataFrame({'b': [1], 'a': [1.0]})",
        "pd.DataFrame({'a': [1.0]})",
        "pd.DataFrame({'a': [1.0], 'b': [1], 'c': ['x']})",
        "{'a': 1.0, 'b': 2}",
        "{'a': [1.0, 2.0], 'b': [1, 2]}",
        "{'a': np.array([1.0, 2.0]), 'b': np.array([1, 2])}",
        "[{'a': 1.0, 'b': 2}]",
        "[{'a': 1.0}]",
        "np.array([[1.0, 2.0]])",
        "'text'",
        "pd.Series([1.0], name='a')",
    )
] + [
    ([{"type": "double", "required": True}], "np.array([[1.0], [2.0]])"),
    ([{"type": "double", "required": True}], "[1.0, 2.0]"),
    ([{"type": "double", "required": True}], "['x']"),
    ([{"type": "string", "required": True}], "'hello'"),
    ([{"type": "double", "required": True}, {"type": "double", "required": True}], "[1.0]"),
    ([{"type": "double", "required": True}], "pd.DataFrame({'x': [1.0], 'y': [2.0]})"),
]

_OBJECT = {
    "type": "object",
    "properties": {
        "x": {"type": "long", "required": True},
        "y": {"type": "string", "required": False},
    },
    "name": "o",
    "required": True,
}
_LIST = {"type": "array", "items": {"type": "double"}, "name": "l", "required": True}
_MAP = {"type": "map", "values": {"type": "long"}, "name": "m", "required": True}
_ANY = {"type": "any", "name": "y", "required": True}
_TENSOR = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}
_NAMED = [{**_TENSOR, "name": "x"}, {**_TENSOR, "name": "y"}]
_OPTIONAL = [
    {"type": "double", "name": "a", "required": True},
    {"type": "string", "name": "b", "required": False},
]

DATA += [
    ([_OBJECT], "{'o': {'x': 1}}"),
    ([_OBJECT], "{'o': {'x': 1, 'y': 'a'}}"),
    ([_OBJECT], "{'o': {'x': 1, 'y': None}}"),
    ([_OBJECT], "{'o': {'y': 'a'}}"),
    ([_OBJECT], "{'o': {'x': 'no'}}"),
    ([_OBJECT], "{'o': {'x': 1, 'z': 2}}"),
    ([_OBJECT], "{'o': [1]}"),
    ([_OBJECT], "pd.DataFrame({'o': [{'x': 1}, {'x': 2}]})"),
    ([_LIST], "{'l': [1.0, 2.0]}"),
    ([_LIST], "{'l': ['a']}"),
    ([_LIST], "{'l': 1.0}"),
    ([_LIST], "{'l': []}"),
    ([_LIST], "pd.DataFrame({'l': [np.array([1.0]), np.array([2.0, 3.0])]})"),
    ([_MAP], "pd.DataFrame({'m': [{'a': 1}, {'b': 2, 'c': 3}]})"),
    ([_MAP], "pd.DataFrame({'m': [{'a': 'x'}]})"),
    ([_MAP], "pd.DataFrame({'m': [{1: 1}]})"),
    ([_ANY], "{'y': object}"),
    ([_ANY], "pd.DataFrame({'y': [1, 'x', None]})"),
    ([_TENSOR], "np.ones((3, 2))"),
    ([_TENSOR], "np.ones((3, 3))"),
    ([_TENSOR], "np.ones((3, 2), dtype='float32')"),
    ([_TENSOR], "np.ones(2)"),
    ([_TENSOR], "pd.DataFrame({'a': [1.0], 'b': [2.0]})"),
    ([_TENSOR], "pd.DataFrame({'a': [1.0], 'b': [2.0], 'c': [3.0]})"),
    ([_TENSOR], "pd.DataFrame({'a': [[1.0, 2.0], [3.0, 4.0]]})"),
    ([_TENSOR], "csr_matrix(np.ones((3, 2)))"),
    (_NAMED, "{'x': np.ones((1, 2)), 'y': np.ones((1, 2))}"),
    (_NAMED, "{'x': np.ones((1, 2))}"),
    (_NAMED, "{'x': np.ones((1, 2)), 'y': np.ones((1, 3))}"),
    (_NAMED, "pd.DataFrame({'x': [[1.0, 2.0]], 'y': [[3.0, 4.0]]})"),
    (_NAMED, "np.ones((1, 2))"),
    (_OPTIONAL, "pd.DataFrame({'a': [1.0]})"),
    (_OPTIONAL, "pd.DataFrame({'a': [1.0], 'b': ['x']})"),
    (_OPTIONAL, "pd.DataFrame({'b': ['x']})"),
]

_PARAM_SCHEMA = [
    {"name": "t", "default": 0.5, "shape": None, "type": "double"},
    {"name": "k", "default": [1, 2], "shape": [-1], "type": "long"},
    {"name": "s", "default": "x", "shape": None, "type": "string"},
    {"name": "b", "default": True, "shape": None, "type": "boolean"},
    {"name": "i", "default": 1, "shape": None, "type": "integer"},
    {"name": "d", "default": "2020-01-01T00:00:00", "shape": None, "type": "datetime"},
]
GIVEN_PARAMS = [
    "{}",
    "{'t': 1}",
    "{'t': '1'}",
    "{'t': np.float32(1)}",
    "{'t': True}",
    "{'k': [1]}",
    "{'k': 1}",
    "{'k': [1.5]}",
    "{'k': np.array([1, 2])}",
    "{'k': [[1]]}",
    "{'s': 1}",
    "{'b': 1}",
    "{'b': np.bool_(True)}",
    "{'i': 2}",
    "{'i': 2.0}",
    "{'d': datetime.datetime(2021, 1, 1)}",
    "{'d': '2021-02-03'}",
    "{'d': 5}",
    "{'unknown': 1}",
    "{'t': None}",
]

_SCRIPT = """
import contextlib, datetime, json, sys, warnings, logging
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd
from scipy.sparse import csc_matrix, csr_matrix
from mlflow.models import infer_signature
from mlflow.models.utils import _enforce_params_schema, _enforce_schema
from mlflow.types.schema import ParamSchema, Schema
asked = json.loads(sys.stdin.read())

def types(out):
    if isinstance(out, pd.DataFrame):
        return [[str(name), "O" if d.kind == "O" else str(d)] for name, d in out.dtypes.items()]
    if isinstance(out, dict):
        return [[name, str(a.dtype), list(a.shape)] for name, a in out.items()]
    return [str(out.dtype), list(out.shape)]

def answer(function):
    try:
        return {"is": function()}
    except Exception as error:
        return {"error": str(error)[:300]}

json.dump({
    "examples": [answer(lambda: infer_signature(eval(e)).to_dict()) for e in asked["examples"]],
    "outputs": [
        answer(lambda: infer_signature(None, eval(e)).to_dict()) for e in asked["examples"]
    ],
    "params": [
        answer(lambda: infer_signature(1, None, eval(p)).to_dict()["params"])
        for p in asked["params"]
    ],
    "checks": [
        answer(lambda: types(_enforce_schema(eval(given), Schema.from_json(json.dumps(schema)))))
        for schema, given in asked["checks"]
    ],
    "given": [
        answer(lambda: repr(_enforce_params_schema(
            eval(p), ParamSchema.from_json(json.dumps(asked["param_schema"]))
        ))) for p in asked["given"]
    ],
}, sys.stdout)
"""


def column_checks() -> list[tuple[Any, str]]:
    checks: list[tuple[Any, str]] = []
    for kind, given in CHECKS:
        schema = [{"type": kind, "name": "c", "required": True}]
        checks.append((schema, f"pd.DataFrame({{'c': {given}}})"))
    return checks


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path) -> dict[str, Any]:
    asked = {
        "examples": list(EXAMPLES.values()),
        "params": PARAMS,
        "checks": column_checks() + DATA,
        "param_schema": _PARAM_SCHEMA,
        "given": GIVEN_PARAMS,
    }
    done = subprocess.run(
        [str(mlflow_python), "-c", _SCRIPT],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


NAMES = {"np": np, "pd": pd, "datetime": datetime, "csr_matrix": csr_matrix,
         "csc_matrix": csc_matrix}  # fmt: skip


def data(text: str) -> Any:
    return eval(text, dict(NAMES))


# MLflow goes by the types alone; here whole numbers pass that the float holds exactly.
LOSSLESS = {
    ("float", "np.array([1, 2], dtype='int8')"): "float32",
    ("float", "np.array([1, 2], dtype='int32')"): "float32",
    ("float", "np.array([1, 2], dtype='uint32')"): "float32",
    ("float", "pd.array([1, None], dtype='Int64')"): "float32",
    ("double", "pd.array([1, None], dtype='Int64')"): "float64",
    # As JSON, such times become those of UTC in both.
    ("datetime", "pd.to_datetime(['2020-01-01']).tz_localize('UTC')"): "datetime64[ns]",
}
# One column without a type makes MLflow accept anything; here it makes that of the column.
ONE_COLUMN_ANY = {"a number too large", "values of two types", "durations", "complex numbers"}
# MLflow cannot make a table of one value that nothing is known of.
TAKEN = "{'y': object}"
# MLflow lets anything pass that pandas keeps as an object.
REFUSED = {
    ("boolean", "[b'x', b'y']"),
    ("boolean", "[[1], [2]]"),
    ("double", "[True, None]"),
}


def loose(schema: str | None) -> Any:
    return None if schema is None else json.loads(schema)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_signature_of_an_example_is_the_one_that_mlflow_infers(
    name: str, theirs: dict[str, Any]
) -> None:
    number = list(EXAMPLES).index(name)
    for part, key in (("inputs", "examples"), ("outputs", "outputs")):
        answer = theirs[key][number]
        assert "is" in answer, answer
        example = data(EXAMPLES[name])
        ours = infer_signature(*((example,) if part == "inputs" else (None, example)))
        expected = loose(answer["is"][part])
        if name in ONE_COLUMN_ANY:
            expected = [{**each, "name": "a"} for each in expected]
        assert loose(ours.to_dict()[part]) == expected


@pytest.mark.parametrize("params", PARAMS)
def test_params_have_the_types_that_mlflow_infers(params: str, theirs: dict[str, Any]) -> None:
    answer = theirs["params"][PARAMS.index(params)]
    if "error" in answer:
        with pytest.raises(PegboardError):
            inference.param_schema(data(params))
    else:
        assert inference.param_schema(data(params)).to_dict() == loose(answer["is"])


def types(out: Any) -> Any:
    if isinstance(out, pd.DataFrame):
        return [[str(name), "O" if d.kind == "O" else str(d)] for name, d in out.dtypes.items()]
    if isinstance(out, dict):
        return [[name, str(a.dtype), list(a.shape)] for name, a in out.items()]
    return [str(out.dtype), list(out.shape)]


def outcome(schema: Any, given: str) -> Any:
    try:
        return types(enforcement.enforce(data(given), Schema.from_json(json.dumps(schema))))
    except enforcement.SchemaMismatch as error:
        assert error.message
        return None


ALL_CHECKS = column_checks() + DATA


@pytest.mark.parametrize("number", range(len(ALL_CHECKS)), ids=lambda n: f"{ALL_CHECKS[n]}"[:120])
def test_data_passes_the_check_where_mlflow_lets_it_pass(
    number: int, theirs: dict[str, Any]
) -> None:
    answer = theirs["checks"][number]
    ours = outcome(*ALL_CHECKS[number])
    check = CHECKS[number] if number < len(CHECKS) else None
    if check in LOSSLESS:
        assert answer.get("is") is None
        assert ours == [["c", LOSSLESS[check]]]
    elif check is None and DATA[number - len(CHECKS)][1] == TAKEN:
        assert answer.get("is") is None
        assert ours == [["y", "O"]]
    elif check in REFUSED:
        assert answer.get("is") is not None
        assert ours is None
    else:
        assert ours == answer.get("is"), answer


@pytest.mark.parametrize("given", GIVEN_PARAMS)
def test_params_pass_the_check_where_mlflow_lets_them_pass(
    given: str, theirs: dict[str, Any]
) -> None:
    answer = theirs["given"][GIVEN_PARAMS.index(given)]
    schema = ParamSchema.from_json(json.dumps(_PARAM_SCHEMA))
    found = None
    with contextlib.suppress(enforcement.SchemaMismatch):
        found = repr(enforcement.enforce_params(data(given), schema))
    if found is None or "error" in answer:
        assert found is None and "error" in answer, (found, answer)
        return
    names = {"datetime": datetime, "np": np}
    assert eval(found, dict(names)) == eval(answer["is"], dict(names))


def test_what_mlflow_wrote_is_read_and_written_the_same_way(theirs: dict[str, Any]) -> None:
    for answer in theirs["examples"]:
        assert ModelSignature.from_dict(answer["is"]).to_dict() == answer["is"]
