"""Whole numbers that may be missing by the signature may be missing in a request."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest
from pegboard_models.enforcement import SchemaMismatch, enforce
from pegboard_models.schema import Schema
from pegboard_models.signature import infer_signature
from pegboard_serving import forms, tables

TRAINED_ON = pd.DataFrame(
    {
        "whole": pd.array([1, None], dtype="Int64"),
        "small": pd.array([1, None], dtype="Int32"),
        "flag": pd.array([True, None], dtype="boolean"),
    }
)
ROWS = [{"whole": 2**60, "small": 7, "flag": False}, {"whole": None, "small": None, "flag": None}]


def schema() -> Schema:
    found = infer_signature(TRAINED_ON).inputs
    assert found is not None
    return found


def made_from(form: str) -> Any:
    if form == "records":
        return forms.from_records(ROWS, schema())
    if form == "split":
        return forms.from_split(list(ROWS[0]), None, [list(row.values()) for row in ROWS], schema())
    return tables.read(io.StringIO(pd.DataFrame(ROWS, dtype=object).to_csv(index=False)), schema())


@pytest.mark.parametrize("form", ["records", "split", "csv"])
def test_gaps_reach_the_model_as_it_was_trained(form: str) -> None:
    given = enforce(made_from(form), schema())
    expected = pd.DataFrame(ROWS).astype(TRAINED_ON.dtypes.to_dict())
    expected["whole"] = pd.array([2**60, None], dtype="Int64")
    pd.testing.assert_frame_equal(given, expected)


def test_the_row_of_a_bad_value_is_counted_with_the_gaps() -> None:
    with pytest.raises(SchemaMismatch, match=r"'whole', row 1: 0\.5"):
        forms.from_records([ROWS[1], {**ROWS[0], "whole": 0.5}], schema())
