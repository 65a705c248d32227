"""A bare NaN is a gap, as null is, in every form; the infinities are those floats."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard_serving import json_text

from .conftest import ECHO_ROW, Server, run

NAN, INF = math.nan, math.inf
ROW = {**ECHO_ROW, "real": NAN}
GAPS = [
    {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}},
    {"dataframe_records": [ROW]},
    {"instances": [ROW]},
    {"inputs": {name: [value] for name, value in ROW.items()}},
]


@pytest.mark.parametrize("body", GAPS, ids=lambda body: next(iter(body)))
def test_a_gap_that_python_wrote_is_null(echo: Server, body: Any) -> None:
    text = json.dumps(body)
    assert "NaN" in text
    told = echo.invoke(text.encode())
    assert told.predictions == echo.invoke(text.replace("NaN", "null").encode()).predictions
    assert told.predictions[0]["real"] is None


@pytest.mark.parametrize("value", [INF, -INF])
def test_an_infinity_reaches_the_model(table: Server, value: float) -> None:
    body = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[value, 0.0, 0.0]]}}
    reply = table.invoke(json.dumps(body).encode())
    # scikit-learn itself refuses it, and says so; the body was read.
    assert reply.status == 400 and "infinity" in reply.error


def test_gaps_and_infinities_of_arrays_keep_their_places() -> None:
    values = np.array([[1.0, NAN], [INF, -INF]])
    assert json_text.loads(json.dumps(values.tolist())) == [[1.0, None], [INF, -INF]]


def test_words_in_texts_stay_texts() -> None:
    text = '["NaN", "-Infinity", "\\u00e9 NaN", NaN]'
    assert json_text.loads(text) == ["NaN", "-Infinity", "é NaN", None]


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([2**64, 10**30, -(2**63) - 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_slow_way_reads_what_the_quick_way_reads(value: Any) -> None:
    plain = json.dumps(value).encode("utf-8")
    assert json_text.loads(b"[NaN," + plain + b"]") == [None, orjson.loads(plain)]


@pytest.mark.parametrize(
    "text", ['["\\ud800", NaN]', "[NaN", "[Nan]", "NaN NaN", "9" * 6000 + "NaN"]
)
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        json_text.loads(text)


def test_a_file_of_lines_may_hold_gaps(models: Any, tmp_path: Any) -> None:
    lines = "\n".join(json.dumps({"a": 1.0, "b": 2.0, "c": value}) for value in (3.0, INF))
    (tmp_path / "in.jsonl").write_text(lines)
    done = run(
        "predict", "-m", str(models / "table"), "-i", str(tmp_path / "in.jsonl"), place=tmp_path
    )
    assert "infinity" in done.stderr
