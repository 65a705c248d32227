"""Bodies that would become far more than they are: refused, while others are served."""

from __future__ import annotations

import io
import json

import pytest

from .conftest import ECHO_ROW, Server

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


def row_groups() -> bytes:
    """Return a Parquet file of very many parts without rows."""
    import pyarrow as pa
    from pyarrow import parquet

    content, table = io.BytesIO(), pa.table({"a": pa.array([], pa.int8())})
    with parquet.ParquetWriter(content, table.schema, store_schema=False) as writer:
        for _ in range(10_001):
            writer.write_table(table)
    return content.getvalue()


HOSTILE = {
    "objects": (lambda: b'{"inputs":[' + b"{}," * 500_000 + b"{}]}", JSON, "250000 arrays"),
    "rows": (lambda: b'{"inputs":[' + b"[]," * 300_000 + b"[]]}", JSON, "250000 arrays"),
    "records": (
        lambda: b'{"dataframe_records":[' + b'{"a":1},' * 300_000 + b"{}]}",
        JSON,
        "250000 arrays",
    ),
    "numbers": (lambda: b'{"inputs":[' + b"1," * 5_000_000 + b"1]}", JSON, "4194304 names"),
    "texts": (lambda: b'{"inputs":[' + b'"",' * 5_000_000 + b'""]}', JSON, "4194304 names"),
    "an end that is missing": (lambda: b"[" + b"{}," * 5_000_000, JSON, "4194304 names"),
    "lines": (lambda: b"a\n" * 5_000_000, CSV, "4194304 values"),
    "other lines": (lambda: b"a\r" * 5_000_000, CSV, "4194304 values"),
    "cells": (lambda: b"a,b,c\n" + b",,\n" * 2_000_000, CSV, "4194304 values"),
    "row groups": (row_groups, PARQUET, "10000 row groups"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_too_many_values_are_refused(echo: Server, name: str) -> None:
    made, kind, limit = HOSTILE[name]
    answer = echo.invoke(made(), kind)
    assert limit in answer.error
    assert answer.status in (400, 413)
    assert echo("GET", "/ping").status == 200


def test_long_bodies_are_predicted_as_short_ones_are(echo: Server) -> None:
    rows = [{**ECHO_ROW, "whole": number} for number in range(2_000)]
    body = json.dumps({"dataframe_records": rows}).encode()
    assert len(body) > 128 << 10
    assert [row["whole"] for row in echo.invoke(body).predictions] == list(range(2_000))
