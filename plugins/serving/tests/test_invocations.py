"""The forms of bodies, and the answers to them, from a real server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import ECHO_ROW, Server, training_data

ROWS = [[1.0, 2.0, 3.0], [2.0, 2.0, -1.0], [-1.0, 0.5, 0.25]]
NAMES = ["a", "b", "c"]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {name: [row[i] for row in ROWS] for i, name in enumerate(NAMES)}
EXPECTED = [0, 1, 0]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": NAMES, "data": ROWS}},
        {"dataframe_split": {"columns": NAMES, "data": ROWS, "index": ["x", "y", "z"]}},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}},
        {"dataframe_split": {"columns": [*NAMES, "d"], "data": [[*row, "?"] for row in ROWS]}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [{**record, "more": 1} for record in RECORDS]},
        {"instances": RECORDS},
        {"inputs": COLUMNS},
        {"inputs": RECORDS},
        {"inputs": COLUMNS, "params": {}},
    ],
    ids=lambda body: next(iter(body)),
)
def test_every_form_of_a_table_gives_the_same_predictions(table: Server, body: Any) -> None:
    reply = table.invoke(body)
    assert reply.predictions == EXPECTED
    assert reply.headers["content-type"] == "application/json"


def test_csv_is_a_table_too(table: Server) -> None:
    text = "c,a,b\n" + "".join(f"{c},{a},{b}\n" for a, b, c in ROWS)
    assert table.invoke(text.encode(), "text/csv").predictions == EXPECTED
    assert table.invoke(text.encode(), 'Text/CSV; charset="UTF-8"').predictions == EXPECTED
    assert table.invoke(b"\xef\xbb\xbf" + text.encode(), "text/csv").predictions == EXPECTED


def test_the_predictions_are_those_of_the_model(table: Server, models: Path) -> None:
    from pegboard_models.loading import load_native

    data, _ = training_data()
    body = {"dataframe_split": {"columns": NAMES, "data": data.to_numpy().tolist()}}
    expected = load_native(models / "table").predict(data)
    assert table.invoke(body).predictions == expected.tolist()


def test_no_rows_are_answered_as_the_model_sees_fit(table: Server) -> None:
    reply = table.invoke({"dataframe_split": {"columns": NAMES, "data": []}})
    assert "0 sample" in reply.error
    assert reply.status == 400


def test_an_array_is_predicted_from_by_inputs_and_instances(
    models: Path, start: Callable[..., Server]
) -> None:
    server = start(models / "array")
    from pegboard_models.loading import load_native

    expected = load_native(models / "array").predict(np.array(ROWS))
    for key in ("inputs", "instances"):
        np.testing.assert_allclose(server.invoke({key: ROWS}).predictions, expected)
    assert "shape" in server.invoke({"inputs": [[1.0, 2.0]]}).error
    assert "row 1" in server.invoke({"inputs": [[1, 2, 3], [1, "x", 3]]}).error


def test_texts_and_whole_numbers_reach_the_model(
    models: Path, start: Callable[..., Server]
) -> None:
    server = start(models / "mixed", "--batching", "off")
    records = [{"color": "red", "count": 3}, {"color": "unknown", "count": 4}]
    first, second = server.invoke({"dataframe_records": records}).predictions
    (alone,) = server.invoke({"dataframe_records": records[:1]}).predictions
    assert first == pytest.approx(alone) and first != pytest.approx(second)
    reply = server.invoke({"dataframe_records": [{"color": "red", "count": 3.5}]})
    assert "'count'" in reply.error and "3.5" in reply.error
    reply = server.invoke({"dataframe_records": [records[0], {"color": 3, "count": 3}]})
    assert "'color'" in reply.error and "row 1" in reply.error


def test_all_types_of_columns_arrive_and_are_answered(echo: Server) -> None:
    answer = {**ECHO_ROW, "raw": "AP8=\n"}
    assert echo.invoke({"dataframe_records": [ECHO_ROW]}).predictions == [answer]
    split = {"columns": list(ECHO_ROW), "data": [list(ECHO_ROW.values())]}
    assert echo.invoke({"dataframe_split": split}).predictions == [answer]
    assert echo.invoke({"instances": [ECHO_ROW]}).predictions == [answer]


def test_missing_numbers_are_null_in_the_answer(echo: Server) -> None:
    (row,) = echo.invoke({"dataframe_records": [{**ECHO_ROW, "real": None}]}).predictions
    assert row["real"] is None


def test_what_json_does_not_know_is_answered_too(echo: Server) -> None:
    body = {"dataframe_records": [ECHO_ROW], "params": {"fail": "odd"}}
    assert echo.invoke(body).predictions == {
        "nan": None,
        "array": [1.5, None],
        "single": 0.5,
        "huge": 2**70,
        "1": "Ynl0ZXM=\n",
    }


def test_health_and_version_are_told(table: Server) -> None:
    assert table("GET", "/ping").status == 200
    assert table("GET", "/health").status == 200
    assert table("GET", "/version").body == b"3.17.2"
    assert table("GET", "/api/2.0/mlflow/experiments/search").status == 404
    assert b'path="/invocations"' in table("GET", "/metrics").body


def test_many_at_once_each_get_their_own_answer(table: Server) -> None:
    def ask(number: int) -> Any:
        rows = [[number % 2 * 99.0, 0.0, 49.5]] * (1 + number % 5)
        bad = number % 10 == 9
        body = {"dataframe_split": {"columns": NAMES, "data": [["x", 0, 0]] if bad else rows}}
        return number, table.invoke(body)

    with ThreadPoolExecutor(32) as pool:
        for number, reply in pool.map(ask, range(200)):
            if number % 10 == 9:
                assert "'a'" in reply.error and "row 0" in reply.error
            else:
                assert reply.predictions == [number % 2] * (1 + number % 5), number
