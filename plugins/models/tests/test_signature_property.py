"""What a signature was inferred from passes the check of that signature, whatever it is."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pegboard_models.enforcement import enforce
from pegboard_models.schema import Schema
from pegboard_models.signature import infer_signature
from scipy import sparse

UTC = datetime.UTC
ZONES = st.sampled_from([UTC, datetime.timezone(datetime.timedelta(hours=-5))])
SCALARS: list[st.SearchStrategy[Any]] = [
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    st.booleans().map(np.bool_),
    st.integers(-100, 100).map(np.int8),
    st.integers(0, 2**32 - 1).map(np.uint32),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.floats(width=32).map(np.float32),
    st.text(max_size=3).map(np.str_),
    st.binary(max_size=3).map(np.bytes_),
    st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(np.datetime64),
    st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(pd.Timestamp),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.complex_numbers(),
]
MISSING = st.sampled_from([None, float("nan"), pd.NA, pd.NaT, np.float64("nan")])
NAMES = st.text("abc", min_size=1, max_size=2)


def gapped(values: st.SearchStrategy[Any], gaps: Any = MISSING) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, gaps)


def of_one_kind(most: int = 4) -> st.SearchStrategy[list[Any]]:
    """Return lists whose values are of one kind, some of them perhaps missing."""
    return st.sampled_from(SCALARS).flatmap(
        lambda kind: (
            st.lists(st.one_of(kind, st.just(None)), max_size=most)
            | st.lists(kind, max_size=most)
            | st.lists(gapped(kind), max_size=most)
        )
    )


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=6,
    )


ANYTHING = nested(st.one_of(*SCALARS, MISSING))

# -- columns of pandas -----------------------------------------------------------------------------

NUMPY = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "float16", "float32", "float64", "complex64", "U3", "S3",
         "datetime64[ns]", "datetime64[s]", "datetime64[D]", "timedelta64[ns]"]  # fmt: skip
NULLABLE = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
            "Float32", "Float64", "boolean", "string", "category"]  # fmt: skip
ARROW = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
         pa.uint32(), pa.uint64(), pa.float32(), pa.float64(), pa.string()]  # fmt: skip
FAR = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)]


def _array(dtype: str, count: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    if dtype in ("U3", "S3"):
        return np.array(list("abcdef"[:count]), dtype=dtype)
    return random.integers(0, 100, count).astype(dtype)


counts, seeds, holes = st.integers(0, 4), st.integers(0, 9), st.lists(st.booleans(), min_size=4)


def _with_gaps(values: list[Any], gaps: list[bool]) -> list[Any]:
    return [None if gap else value for value, gap in zip(values, gaps, strict=False)]


def _nullable(dtype: Any, gaps: list[bool], count: int) -> pd.Series:
    kind = str(dtype).lower()
    if "string" in kind or kind == "category":
        values: list[Any] = list("abcd")
    elif "bool" in kind:
        values = [True, False, True, False]
    else:
        values = [1, 2, 3, 4]
    found = _with_gaps(values, gaps)[:count]
    return pd.Series(found, dtype=pd.ArrowDtype(dtype) if isinstance(dtype, pa.DataType) else dtype)


def _arrow(values: list[Any], kind: pa.DataType) -> pd.Series:
    return pd.Series(pd.array(pa.array(values, kind), dtype=pd.ArrowDtype(kind)))


DAY = datetime.datetime(2024, 2, 3, 4, 5)
COLUMNS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda t, n, s: pd.Series(_array(t, n, s)), st.sampled_from(NUMPY), counts, seeds),
    st.builds(_nullable, st.sampled_from(NULLABLE), holes, counts),
    st.builds(_nullable, st.sampled_from(ARROW), holes, counts),
    of_one_kind().map(lambda values: pd.Series(values, dtype=object)),
    of_one_kind().map(
        lambda values: pd.Series(pd.Categorical(pd.Series(values, dtype=object).dropna().map(str)))
    ),
    st.lists(ANYTHING, max_size=4).map(lambda values: pd.Series(values, dtype=object)),
    st.lists(of_one_kind(), max_size=3).map(lambda values: pd.Series(values, dtype=object)),
    st.lists(st.dictionaries(NAMES, st.integers() | st.none(), max_size=2), max_size=3).map(
        lambda values: pd.Series(values, dtype=object)
    ),
    st.sampled_from(
        [
            pd.Series(pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin")),
            pd.Series([DAY.replace(tzinfo=UTC), DAY], dtype=object),
            pd.Series(FAR, dtype=object),
            pd.Series(np.array(FAR, dtype="datetime64[s]")),
            pd.Series(pd.Categorical([1, 2, None])),
            pd.Series(pd.Categorical([1.5, None])),
            pd.Series(pd.Categorical([True, False])),
            pd.Series(pd.Categorical([DAY])),
            pd.Series(pd.Categorical([b"x"])),
            pd.Series(pd.arrays.SparseArray([0, 1, 0])),
            pd.Series(pd.arrays.SparseArray([0.0, np.nan, 1.0])),
            pd.Series(pd.arrays.SparseArray([True, False])),
            pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
            pd.Series(pd.interval_range(0, 2)),
            pd.Series([np.array([1, 2]), np.array([3])], dtype=object),
            pd.Series([np.array([[1, 2]]), np.array([[3, 4]])], dtype=object),
            pd.Series([Decimal("1.5"), None], dtype=object),
            pd.Series([[1, None], None], dtype=object),
            pd.Series([(1, 2), (3, 4)], dtype=object),
            pd.Series([np.bool_(True), None], dtype=object),
            pd.Series([1, 2.5, None], dtype=object),
            _arrow([b"x", None], pa.binary()),
            _arrow([DAY, None], pa.timestamp("us")),
            _arrow([DAY, None], pa.timestamp("ns", "UTC")),
            _arrow([DAY.date(), None], pa.date32()),
            _arrow([[1, None], None], pa.list_(pa.int64())),
            _arrow([{"a": 1}, None], pa.struct([("a", pa.int64())])),
            _arrow([Decimal("1.5"), None], pa.decimal128(5, 2)),
            _arrow([None, None], pa.null()),
        ]
    ),
)
FRAMES = st.lists(COLUMNS, min_size=1, max_size=3).map(
    lambda columns: pd.DataFrame({f"c{n}": column for n, column in enumerate(columns)})
)

# -- other data ------------------------------------------------------------------------------------

POLARS = [pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt32, pl.UInt64,
          pl.Float32, pl.Float64, pl.String, pl.Categorical, pl.Null]  # fmt: skip


def _polars(dtype: Any, gaps: list[bool]) -> pl.Series:
    values: list[Any] = [1, 2, 3]
    if dtype in (pl.String, pl.Categorical):
        values = ["a", "b", "c"]
    elif dtype is pl.Boolean:
        values = [True, False, True]
    return pl.Series("c", [None] * 3 if dtype is pl.Null else _with_gaps(values, gaps), dtype=dtype)


POLARS_COLUMNS = st.one_of(
    st.builds(_polars, st.sampled_from(POLARS), holes),
    st.sampled_from(
        [
            pl.Series("c", [b"x", None], dtype=pl.Binary),
            pl.Series("c", [DAY, None]),
            pl.Series("c", [DAY, None]).dt.replace_time_zone("UTC"),
            pl.Series("c", [DAY.date(), None]),
            pl.Series("c", [Decimal("1.5"), None]),
            pl.Series("c", [[1, None], None], dtype=pl.List(pl.Int64)),
            pl.Series("c", [[1, 2]], dtype=pl.Array(pl.Int32, 2)),
            pl.Series(
                "c", [{"a": 1, "b": None}, None], dtype=pl.Struct({"a": pl.Int64, "b": pl.String})
            ),
            pl.Series("c", [["x", None], []], dtype=pl.List(pl.String)),
            pl.Series("c", ["a", None], dtype=pl.Enum(["a"])),
            pl.Series("c", [datetime.timedelta(1)]),
            pl.Series("c", [], dtype=pl.Int64),
            pl.Series("c", [1.5, float("nan"), None]),
        ]
    ),
)
SHAPES = st.lists(st.integers(0, 3), min_size=0, max_size=3).map(tuple)
ARRAYS = st.one_of(
    st.builds(lambda t, shape: np.ones(shape).astype(t), st.sampled_from(NUMPY), SHAPES),
    st.lists(ANYTHING, max_size=3).map(
        lambda values: np.array([*values, None], dtype=object)[: len(values)]
    ),
)
SPARSE = st.builds(
    lambda make, dtype: make(np.eye(3).astype(dtype)),
    st.sampled_from([sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.coo_matrix]),
    st.sampled_from(["float64", "float32", "int64", "bool"]),
)
DATA = st.one_of(
    FRAMES,
    COLUMNS,
    COLUMNS.map(lambda column: column.rename("c")),
    POLARS_COLUMNS,
    POLARS_COLUMNS.map(lambda column: column.to_frame()),
    ARRAYS,
    SPARSE,
    of_one_kind(),
    of_one_kind().map(tuple),
    st.lists(of_one_kind(), max_size=3),
    ANYTHING,
    st.lists(ANYTHING, max_size=3),
    st.dictionaries(NAMES, ANYTHING, min_size=1, max_size=3),
    st.dictionaries(NAMES, of_one_kind(), min_size=1, max_size=3),
    st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3),
    st.lists(st.dictionaries(NAMES, st.integers() | st.none(), max_size=2), max_size=3),
    *SCALARS,
)


@settings(max_examples=600, suppress_health_check=list(HealthCheck), deadline=None)
@given(DATA)
@example([1, None])
@example([[1, 2], [3]])
@example([])
@example({"a": [1, None]})
@example(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}))
@example(pd.DataFrame({"a": pd.array([True, None], dtype="boolean")}))
@example(pd.DataFrame({"a": [1, None]}, dtype=object))
def test_an_example_passes_its_own_signature(data: Any) -> None:
    if data is None:
        return
    inputs = infer_signature(data).inputs
    assert inputs is not None
    again = Schema.from_json(inputs.to_json())
    assert again == inputs
    checked = enforce(data, again)
    if isinstance(data, pd.DataFrame):
        assert list(checked.columns) == list(data.columns)
        pd.testing.assert_index_equal(checked.index, data.index)
        for name in data.columns:
            gaps, before = checked[name].isna().tolist(), data[name].isna().tolist()
            assert gaps == before
