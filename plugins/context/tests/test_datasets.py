"""Descriptions of datasets (T9)."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pegboard.entities import Dataset
from pegboard.errors import InvalidValue, NotFound
from pegboard.targets import resolve
from pegboard_context.plugin import pegboard_dataset_types as types


def kind(name: str) -> Any:
    return next(one for one in types() if one.name == name)


def described(data: Any, **keywords: Any) -> Dataset:
    [chosen] = [one for one in types() if resolve(one.accepts)(data)]
    return resolve(chosen.describe)(data, **keywords)


def profile(dataset: Dataset) -> dict[str, Any]:
    return json.loads(dataset.profile or "")


def columns(dataset: Dataset) -> dict[str, tuple[Any, bool]]:
    specs = json.loads(dataset.schema or "")["mlflow_colspec"]
    return {spec.pop("name"): (spec.pop("required"), spec) for spec in specs}


# -- kinds -----------------------------------------------------------------------------------------


class Frame(pd.DataFrame):
    """A class that derives from a DataFrame."""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("pandas", pd.DataFrame({"a": [1]})),
        ("pandas", Frame({"a": [1]})),
        ("polars", pl.DataFrame({"a": [1]})),
        ("numpy", np.ones(2)),
        ("numpy", {"x": np.ones(2)}),
        ("file", Path(__file__)),
        ("file", __file__),
        (None, {}),
        (None, {"x": [1]}),
        (None, [1, 2]),
        (None, "no such file"),
        (None, "a\0b"),
        (None, np.float64(1)),
        (None, pd.Series([1])),
        (None, None),
    ],
)
def test_every_kind_knows_its_own(name: str | None, data: Any) -> None:
    assert [one.name for one in types() if resolve(one.accepts)(data)] == ([name] if name else [])


def test_knowing_a_kind_imports_no_library() -> None:
    code = """
import sys
from pegboard.targets import resolve
from pegboard_context.plugin import pegboard_dataset_types as types
for kind in types():
    assert not resolve(kind.accepts)(object())
heavy = {"pandas", "numpy", "polars", "datasets", "pyarrow"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# -- what all have in common -----------------------------------------------------------------------


def test_name_digest_and_source_can_be_given() -> None:
    dataset = described(np.ones(2), name="ones", digest="abc", source="s3://bucket/ones.npy")
    assert (dataset.name, dataset.digest, dataset.source_type) == ("ones", "abc", "s3")
    assert json.loads(dataset.source) == {"uri": "s3://bucket/ones.npy"}
    assert described(np.ones(2), source="x").name == "dataset"


def test_the_source_defaults_to_the_code_that_runs() -> None:
    dataset = described(np.ones(2))
    assert dataset.source_type == "code"
    tags = json.loads(dataset.source)["tags"]
    assert tags["mlflow.source.name"] == sys.argv[0]
    assert all(key.startswith("mlflow.") for key in tags)


def test_credentials_in_a_source_are_left_out() -> None:
    dataset = described(np.ones(2), source="https://me:pw@example.com/x.npy")
    assert json.loads(dataset.source) == {"url": "https://example.com/x.npy"}


def test_a_source_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidValue, match="a path or a URL; got 7"):
        described(np.ones(2), source=7)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("role", ["targets", "predictions"])
def test_a_column_that_is_not_there_is_refused(frame: Any, role: str) -> None:
    df = frame({"a": [1], "b": [2]})
    assert described(df, **{role: "b"}).name == "dataset"
    with pytest.raises(
        InvalidValue, match=f"The {role} column 'c' is not in the data.\n.*'a', 'b'"
    ):
        described(df, **{role: "c"})


DIGESTS = """
import numpy as np, pandas as pd, polars as pl
from pegboard.targets import resolve
from pegboard_context.plugin import pegboard_dataset_types as types
kinds = {kind.name: kind for kind in types()}
data = {"a": [1, 2, 3], "s": ["x", "y", None], "f": [0.5, None, float("nan")]}
print(resolve(kinds["pandas"].describe)(pd.DataFrame(data)).digest)
print(resolve(kinds["polars"].describe)(pl.DataFrame(data, strict=False)).digest)
print(resolve(kinds["numpy"].describe)({"a": np.arange(9.0), "s": np.array(["x"])}).digest)
"""


def test_digests_are_the_same_in_every_process() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1
    assert len(set(made.pop().split())) == 3


# -- pandas ----------------------------------------------------------------------------------------


def test_a_pandas_digest_follows_the_content() -> None:
    df = pd.DataFrame({"a": [1, 2], "s": ["x", "y"]})
    same = pd.DataFrame({"a": [1, 2], "s": ["x", "y"]})
    others = [
        df.assign(a=[1, 3]),
        df.assign(s=["x", "z"]),
        df.head(1),
        df.rename(columns={"a": "b"}),
    ]
    assert described(df).digest == described(same).digest
    assert len({described(other).digest for other in [df, *others]}) == 5


def test_a_column_that_mlflow_has_no_type_for_does_not_hide_the_others() -> None:
    df = pd.DataFrame(
        {
            "mixed": ["a", 1],
            "wide": np.array([1, 2], "u8"),
            "i": [1, 2],
            "t": pd.to_timedelta([1, 2]),
        }
    )
    assert columns(described(df)) == {
        "mixed": (True, {"type": "any"}),
        "wide": (True, {"type": "any"}),
        "i": (True, {"type": "long"}),
        "t": (True, {"type": "any"}),
    }


def test_a_sparse_column_is_of_the_type_of_its_values() -> None:
    from pegboard_context.datasets.inference import column_type

    for values, kind in (([0, 1], "long"), ([0.0, 1.5], "double"), ([True, False], "boolean")):
        assert column_type(pd.Series(pd.arrays.SparseArray(values))) == {"type": kind}


def test_a_schema_too_long_to_keep_is_left_out() -> None:
    df = pd.DataFrame(np.zeros((1, 300)), columns=[f"{at:04000}" for at in range(300)])
    dataset = described(df)
    assert dataset.schema is None
    assert profile(dataset) == {"num_rows": 1, "num_elements": 300}


# -- polars ----------------------------------------------------------------------------------------


def test_a_polars_frame_is_described_with_mlflows_types() -> None:
    df = pl.DataFrame(
        {"i": [1, 2], "s": ["x", None], "l": [[1.5], []], "o": [{"b": 1, "a": "x"}, None]}
    ).with_columns(
        pl.Series("u8", [1, 2], pl.UInt8),
        pl.Series("u64", [1, 2], pl.UInt64),
        pl.Series("c", ["x", "y"], pl.Categorical),
    )
    dataset = described(df)
    properties = {
        "a": {"type": "string", "required": True},
        "b": {"type": "long", "required": True},
    }
    assert columns(dataset) == {
        "i": (True, {"type": "long"}),
        "s": (False, {"type": "string"}),
        "l": (True, {"type": "array", "items": {"type": "double"}}),
        "o": (False, {"type": "object", "properties": properties}),
        "u8": (True, {"type": "integer"}),
        "u64": (True, {"type": "any"}),
        "c": (True, {"type": "string"}),
    }
    assert profile(dataset) == {"num_rows": 2, "num_elements": 14}
    assert described(pl.DataFrame()).schema is None


def test_a_polars_digest_follows_the_content() -> None:
    df = pl.DataFrame({"a": [1.0, None], "s": ["x", "y"]})
    variants = [
        df,
        df.with_columns(a=pl.Series([1.0, float("nan")])),
        df.with_columns(s=pl.Series(["x", "z"])),
        df.reverse(),
        df.head(1),
        df.rename({"a": "b"}),
    ]
    assert described(df).digest == described(df.clone()).digest
    assert len({described(variant).digest for variant in variants}) == len(variants)


# -- numpy -----------------------------------------------------------------------------------------


def test_targets_of_arrays_are_arrays() -> None:
    features = np.ones((2, 2))
    with_targets = described(features, targets={"y": np.ones(2)})
    assert with_targets.digest != described(features).digest
    assert profile(with_targets)["targets_shape"] == {"y": [2]}
    for wrong in ("column", [1, 2], {"y": [1]}):
        with pytest.raises(InvalidValue, match="an array or a dict of arrays"):
            described(features, targets=wrong)


def test_a_large_array_is_not_copied(tmp_path: Path) -> None:
    # A sparse file, mapped, so that the array itself takes no memory.
    array = np.memmap(tmp_path / "large", dtype="f8", mode="w+", shape=(1 << 16, 1 << 10))
    tracemalloc.start()
    try:
        dataset = described(array.T)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert profile(dataset)["features_nbytes"] == 1 << 29
    assert peak < 10_000_000


# -- files -----------------------------------------------------------------------------------------


def test_a_file_is_described_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "iris.csv"
    file.write_text("a,b\n1,2\n")
    dataset = described(file)
    assert (dataset.name, dataset.source_type, dataset.schema) == ("iris.csv", "local", None)
    assert json.loads(dataset.source) == {"uri": str(file)}
    assert profile(dataset) == {"num_files": 1, "num_bytes": 8, "sampled": False}
    (tmp_path / "copy.csv").write_text("a,b\n1,2\n")
    assert described(tmp_path / "copy.csv").digest == dataset.digest
    file.write_text("a,b\n1,3\n")
    assert described(str(file)).digest != dataset.digest


def test_a_directory_is_described_by_all_below_it(tmp_path: Path) -> None:
    for root in ("one", "two"):
        (tmp_path / root / "a").mkdir(parents=True)
        (tmp_path / root / "a" / "x").write_text("123")
        (tmp_path / root / "y").write_text("45")
    (tmp_path / "two" / "loop").symlink_to(tmp_path)
    one, two = described(tmp_path / "one"), described(tmp_path / "two")
    assert one.digest == two.digest
    assert profile(one) == {"num_files": 2, "num_bytes": 5, "sampled": False}
    (tmp_path / "two" / "a" / "x").rename(tmp_path / "two" / "a" / "z")
    assert described(tmp_path / "two").digest != one.digest


def test_large_files_are_sampled_and_say_so(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(80 << 20)
    before = described(file)
    assert profile(before)["sampled"]
    with file.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"x")
    assert described(file).digest != before.digest
    whole = resolve(kind("file").describe)(file, whole=True)
    assert not profile(whole)["sampled"]


def test_of_many_files_some_are_read_and_it_is_said(tmp_path: Path) -> None:
    for n in range(1500):
        (tmp_path / f"{n:04}").write_text("x")
    before = described(tmp_path)
    assert profile(before) == {"num_files": 1500, "num_bytes": 1500, "sampled": True}
    (tmp_path / "0001").write_text("y")
    assert described(tmp_path).digest == before.digest
    (tmp_path / "0000").write_text("y")
    assert described(tmp_path).digest != before.digest


def test_a_file_that_is_not_there_and_targets_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or directory"):
        described(tmp_path / "missing")
    with pytest.raises(InvalidValue, match="no columns"):
        described(tmp_path, targets="a")
