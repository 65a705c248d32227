"""Descriptions of datasets, beside those that the real MLflow makes of the same data (T9)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pegboard.targets import resolve
from pegboard_context.plugin import pegboard_dataset_types

CASES = """
import datetime
import numpy as np
import pandas as pd

FRAMES = {
    "numbers": pd.DataFrame({"i": [1, 2], "f": [1.5, None], "b": [True, False]}),
    "small numbers": pd.DataFrame(
        {"i8": np.array([1], "i1"), "u8": np.array([1], "u1"), "i32": np.array([1], "i4"),
         "u32": np.array([1], "u4"), "f16": np.array([1], "f2"), "f32": np.array([1], "f4")}
    ),
    "text": pd.DataFrame({"s": ["a", "b"], "gaps": ["a", None], "z": ["ü", ""]}),
    "objects": pd.DataFrame({"s": pd.Series(["a", "b"], dtype=object), "n": [None, None],
                             "bytes": [b"a", b"b"]}),
    "categories": pd.DataFrame({"c": pd.Categorical(["x", "y", "x"]), "i": [1, 2, 3]}),
    "category gaps": pd.DataFrame({"c": pd.Categorical(["x", None, "x"])}),
    "dates": pd.DataFrame({"t": pd.to_datetime(["2020", None]),
                           "d": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)]}),
    "lists": pd.DataFrame({"l": [[1, 2], [3]], "m": [[], ["a"]], "n": [[[1.5]], [[], None]]}),
    "dicts": pd.DataFrame({"o": [{"a": 1, "z": None}, {"b": "x", "a": 2}, {"a": None, "b": "y"}],
                           "deep": [{"p": {"q": [1]}}, {"p": {"r": 1.5}}, {"p": None}],
                           "gaps": [None, {"a": 1}, {"a": 2}]}),
    "lists of dicts": pd.DataFrame({"l": [[{"a": 1}, {"b": 2}], [{"a": 3}]]}),
    "integer columns": pd.DataFrame([[1, 2], [3, 4]]),
    "columns of both kinds": pd.DataFrame([["x", 2]], columns=["a", 1]),
    "no columns": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": [], "b": pd.Series([], dtype=object)}),
    "two columns of one name": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "an index": pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
    "nullable": pd.DataFrame({"i": pd.array([1, None], dtype="Int64"),
                              "s": pd.array(["a", None], dtype="string"),
                              "b": pd.array([True, None], dtype="boolean")}),
    "many rows": pd.DataFrame({"a": np.arange(25_000), "s": [str(n) for n in range(25_000)]}),
}
ARRAYS = {
    "matrix": (np.arange(6.0).reshape(2, 3), np.array([1, 2])),
    "not contiguous": (np.arange(40_000.0).reshape(200, 200).T[::2], None),
    "specials": (np.array([0.0, -0.0, np.nan, np.inf, 1e-310]), None),
    "dict": ({"b": np.ones(2), "a": np.array(["x", "y"])}, {"t": np.zeros((2, 1))}),
    "scalar": (np.array(3.0), None),
    "empty": (np.empty((0, 4)), None),
    "objects": (np.array(["a", None], dtype=object), None),
    "ragged": (np.array([[1], [2, 3], None], dtype=object), None),
    "text": (np.array(["a", "ü"]), None),
    "bytes": (np.array([b"ab"]), None),
    "dates": (np.array(["2020", "NaT"], "M8[s]"), np.array([1, 2], "m8[ms]")),
    "complex": (np.array([1 + 2j, -3j]), np.array([1j], "c8")),
    "records": (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), None),
    **{f"type {code}": (np.array([0, 1, 1], code), None) for code in "?bhilBHILefd"},
}
"""

MLFLOW = (
    CASES
    + """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable()
import mlflow
answers = {}
for name, df in FRAMES.items():
    answers["frame " + name] = mlflow.data.from_pandas(df, source="data.csv").to_dict()
for name, (features, targets) in ARRAYS.items():
    answers["array " + name] = mlflow.data.from_numpy(
        features, targets=targets, source="data.npy").to_dict()
for source in ("data.csv", "/tmp/data.csv", "file:///tmp/x", "https://host/x.csv?a=b", "s3://b/k"):
    answers["source " + source] = mlflow.data.from_pandas(
        FRAMES["numbers"], source=source, name="n", digest="d").to_dict()
json.dump(answers, sys.stdout)
"""
)


@pytest.fixture(scope="module")
def mlflow_answers(mlflow_python: Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run([mlflow_python, "-c", MLFLOW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    made: dict[str, Any] = {}
    exec(CASES, made)
    return made


def described(kind: str, data: Any, **keywords: Any) -> dict[str, Any]:
    [chosen] = [one for one in pegboard_dataset_types() if resolve(one.accepts)(data)]
    assert chosen.name == kind
    dataset = resolve(chosen.describe)(data, **keywords)
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": json.loads(dataset.source),
        "schema": json.loads(dataset.schema or "null"),
        "profile": json.loads(dataset.profile or "null"),
    }


def parsed(answer: dict[str, Any]) -> dict[str, Any]:
    texts = {key: json.loads(answer[key] or "null") for key in ("source", "schema", "profile")}
    return {**answer, **texts}


def test_frames_are_described_as_mlflow_describes_them(mlflow_answers, cases) -> None:
    ours = {
        name: described("pandas", df, source="data.csv") for name, df in cases["FRAMES"].items()
    }
    theirs = {name: parsed(mlflow_answers[f"frame {name}"]) for name in cases["FRAMES"]}
    assert ours == theirs


def test_arrays_are_described_as_mlflow_describes_them(mlflow_answers, cases) -> None:
    ours = {
        name: described("numpy", features, targets=targets, source="data.npy")
        for name, (features, targets) in cases["ARRAYS"].items()
    }
    theirs = {name: parsed(mlflow_answers[f"array {name}"]) for name in cases["ARRAYS"]}
    assert ours == theirs


def test_sources_are_described_as_mlflow_describes_them(mlflow_answers, cases) -> None:
    for name, answer in mlflow_answers.items():
        if name.startswith("source "):
            source = name.removeprefix("source ")
            ours = described(
                "pandas", cases["FRAMES"]["numbers"], source=source, name="n", digest="d"
            )
            assert ours == parsed(answer)
