"""What is wrong with a body is said in MLflow's form, with what is at fault, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import ECHO_ROW, Server

NAMES = ["a", "b", "c"]


def split(*rows: Any, **more: Any) -> Any:
    return {"dataframe_split": {"columns": NAMES, "data": list(rows), **more}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"inputs": [nan]}', "not valid JSON"),
        (b'{"inputs": [NaN}', "not valid JSON"),
        (b'{"inputs": [-NaN]}', "not valid JSON"),
        (b'{"inputs": [NaN], "params": {"a": "\\ud800"}}', "not valid JSON"),
        (b'{"inputs": ' + b"[" * 100_000 + b"NaN" + b"]" * 100_000 + b"}", "not valid JSON"),
        (b'{"inputs": [NaN, "' + b"\xff" + b'"]}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[1]", "JSON object"),
        (b'"text"', "JSON object"),
        ({}, "exactly one of"),
        ({"rows": []}, "exactly one of"),
        ({"inputs": [], "instances": []}, "both instances and inputs"),
        ({**split([1, 2, 3]), "parms": {}}, "'parms'"),
        ({**split([1, 2, 3]), "params": 3}, "params"),
        ({"dataframe_split": []}, "dataframe_split"),
        ({"dataframe_split": {"colums": NAMES, "data": []}}, "colums"),
        ({"dataframe_split": {"columns": "abc", "data": []}}, "columns"),
        (split([1, 2, 3], index=[1, 2]), "index"),
        (split([1, 2]), "row 0 has 2 values"),
        (split([1, 2, 3], [1, 2, 3, 4]), "row 1 has 4 values"),
        (split([1, 2, 3], 7), "row 1"),
        (split([1, 2, 3], [1, "x", 3]), "column 'b', row 1: 'x'"),
        (split([1, {"deep": 1}, 3]), "column 'b', row 0"),
        (split([1, [2], 3]), "column 'b', row 0"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, "'c'"),
        ({"dataframe_records": {"a": 1}}, "list of objects"),
        ({"dataframe_records": [{"a": 1, "b": 2, "c": 3}, 4]}, "Row 1"),
        ({"dataframe_records": [{"a": 1, "b": 2}]}, "'c'"),
        ({"instances": [{"a": 1, "b": 2, "c": 3}, 4]}, "1"),
        ({"instances": [{"a": 1, "b": 2, "c": 3}, {"a": 1}]}, "'b'"),
        ({"inputs": {"a": [1], "b": [2]}}, "'c'"),
        ({"inputs": {"a": [1, 2], "b": [2], "c": [3]}}, "length"),
        ({"inputs": 3}, "'a'"),
        ({"messages": []}, "'messages'"),
    ],
    ids=repr,
)
def test_a_malformed_body_is_a_400(table: Server, body: Any, said: str) -> None:
    reply = table.invoke(body)
    assert said in reply.error
    assert reply.status == 400
    assert table.invoke(split([1, 2, 3])).status == 200


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        (None, "missing"),
        ("text/plain", "text/plain"),
        ("application/json; charset=latin-1", "UTF-8"),
        ("application/json; format=pandas-split", "format"),
    ],
)
def test_another_type_of_content_is_a_415(
    table: Server, content_type: str | None, said: str
) -> None:
    reply = table.invoke(split([1, 2, 3]), content_type)
    assert said in reply.error
    assert reply.status == 415


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "CSV"),
        (b"a,b,c\n1,2\n3,4,5,6,7\n", "CSV"),
        (b"a,b\n1,2\n", "'c'"),
        (b"a,b,c\n1,2,3\n1,x,3\n", "column 'b', row 1: 'x'"),
        (b"a,b,c\n1,\xff,3\n", "UTF-8"),
    ],
)
def test_bad_csv_is_a_400(table: Server, text: bytes, said: str) -> None:
    reply = table.invoke(text, "text/csv")
    assert said in reply.error
    assert reply.status == 400


def test_a_body_beyond_the_limit_is_a_413(table: Server) -> None:
    assert table.invoke(b" " * (1 << 20)).status == 400
    assert table.invoke(b" " * ((1 << 20) + 1)).status == 413


def test_deep_nesting_is_refused(table: Server) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert table.invoke(b'{"inputs": ' + deep + b"}").status == 400
    shallow = "[" * 200 + "]" * 200
    assert table.invoke(('{"inputs": ' + shallow + "}").encode()).status == 400


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("whole", 1.5),
        ("whole", None),
        ("whole", 2**63),
        ("whole", "many"),
        ("real", "much"),
        ("text", 5),
        ("flag", "false"),
        ("flag", None),
        ("raw", "***"),
        ("time", "yesterday evening"),
        ("time", "2024-01-01T00:00:00+02:00"),
        ("time", True),
    ],
)
def test_a_bad_value_is_refused_with_its_column(echo: Server, column: str, value: Any) -> None:
    rows = [ECHO_ROW, {**ECHO_ROW, column: value}]
    reply = echo.invoke({"dataframe_records": rows})
    assert f"column {column!r}, row 1" in reply.error
    assert reply.status == 400


def test_an_error_in_the_model_is_told_by_its_first_line(echo: Server) -> None:
    reply = echo.invoke({"dataframe_records": [ECHO_ROW], "params": {"fail": "error"}})
    assert "RuntimeError: out of luck" in reply.error
    assert "secret" not in reply.error
    assert reply.status == 400


def test_an_answer_without_json_is_an_error(echo: Server) -> None:
    reply = echo.invoke({"dataframe_records": [ECHO_ROW], "params": {"fail": "object"}})
    assert "object" in reply.error
    assert reply.status == 501


def test_a_wrong_param_is_refused_by_name(echo: Server) -> None:
    reply = echo.invoke({"dataframe_records": [ECHO_ROW], "params": {"until": 3}})
    assert "'until'" in reply.error
    assert reply.status == 400


def test_only_post_predicts(table: Server) -> None:
    assert table("GET", "/invocations").status == 405


def test_pages_of_other_sites_may_not_ask(table: Server) -> None:
    headers = {"Content-Type": "application/json", "Origin": "http://evil.example"}
    body = json.dumps(split([1, 2, 3])).encode()
    assert table("POST", "/invocations", body, headers).status == 403
