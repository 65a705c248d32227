"""FILTER: what a search is asked is never taken for SQL, and never takes forever."""

from __future__ import annotations

import base64
import json

import pytest
from target import API, Reply, Target, quoted, refused

SQL = (
    "x' OR '1'='1",
    'x"; DROP TABLE runs; --',
    "x'); DELETE FROM runs; --",
    "x' UNION SELECT sql FROM sqlite_master --",
    "%' OR 1=1 --",
    "\\' OR 1=1 --",
    "x\0' OR 1=1 --",
    "?1 OR :a",
    "x');SELECT load_extension('/x');--",
)


def runs(reply: Reply) -> int:
    """Return how many runs were found."""
    assert reply.status == 200, reply
    return len(reply.json.get("runs", []))


@pytest.mark.parametrize("text", SQL)
def test_filter_1_sql_in_a_filter_is_a_text(target: Target, text: str) -> None:
    run = target.run()
    target("POST", f"{API}/runs/set-tag", {"run_id": run, "key": "t", "value": text})
    name = text.replace('"', "")
    if "'" not in text:
        assert runs(target.found(f"tags.t = '{text}'")) >= 1
    assert runs(target.found(f'params."{name}" = "x"')) == 0
    assert runs(target.found(f"metrics.`{text}` > 0")) == 0
    for search, asked in (
        ("registered-models/search", f'name = "{name}"'),
        ("registered-models/search", f"tags.`{name}` = 'x'"),
        ("model-versions/search", f"tags.`{name}` = 'x'"),
    ):
        found = target("GET", f"{API}/{search}?filter={quoted(asked)}")
        assert found.status in (200, 400)
        assert not found.json.get("registered_models") and not found.json.get("model_versions")
    assert target("GET", f"{API}/runs/get?run_id={run}").status == 200


@pytest.mark.parametrize(
    "text",
    [
        "1=1",
        "params.a = 'x' OR 1=1",
        "params.a = 'x'; DROP TABLE runs",
        "params.a = 'x' --",
        "params.a = 'x' /* */",
        "(SELECT 1) = 1",
        "params.a = (SELECT 1)",
        "params.a = load_extension('x')",
        "params.a = 'x' UNION SELECT 1",
        "attributes.sqlite_master = 'x'",
        "rowid = 1",
    ],
)
def test_filter_1_what_is_no_filter_is_refused(target: Target, text: str) -> None:
    refused(target.found(text))


@pytest.mark.parametrize("text", SQL)
def test_filter_2_sql_in_an_order_is_a_name(target: Target, text: str) -> None:
    target.run()
    name = text.replace("`", "")
    assert runs(target.found("", order_by=[f"metrics.`{name}` DESC"])) >= 1
    refused(
        target.found("", order_by=[f"metrics.a ASC, ({name})"]),
        target.found("", order_by=[f"attributes.start_time; {name}"]),
        target.found("", order_by=["attributes.start_time ASC; DROP TABLE runs"]),
    )


@pytest.mark.parametrize("text", SQL)
def test_filter_3_sql_in_names_and_ids_is_a_text(target: Target, text: str) -> None:
    run = target.run()
    metric = {"run_id": run, "value": 1, "timestamp": 1, "step": 1}
    for path, fields in (
        ("runs/log-metric", {**metric, "key": text}),
        ("runs/log-parameter", {"run_id": run, "key": text, "value": text}),
        ("registered-models/create", {"name": text}),
    ):
        assert target("POST", f"{API}/{path}", fields).status in (200, 400)
    for fields in ({"run_id": text}, {"experiment_id": text}, {"experiment_ids": [text]}):
        assert target("POST", f"{API}/runs/search", fields).status in (200, 400, 404)
    refused(
        target("POST", f"{API}/runs/create", {"experiment_id": text}),
        target("POST", f"{API}/runs/delete", {"run_id": text}),
    )
    assert target("GET", f"{API}/experiments/get?experiment_id=0").status == 200


SLOW = (
    "params.long =~ '^(a+)+$'",
    "params.long =~ '^(a|aa)+$'",
    "params.long =~ '(.*a){12}b'",
    "params.long =~ '^(([a-z])+.)+[A-Z]([a-z])+$'",
    f"params.long LIKE '{'%a' * 60}%b'",
    f"params.long ILIKE '{'%a_' * 40}%b'",
    f"params.long LIKE '{'%_' * 1000}b'",
)


@pytest.mark.parametrize("text", SLOW, ids=lambda text: text[:30])
def test_filter_4_a_pattern_does_not_take_forever(target: Target, text: str) -> None:
    """A matcher that tries all ways would not be done with these in years."""
    run = target.run()
    fields = {"run_id": run, "key": "long", "value": "a" * 5990 + "!"}
    assert target("POST", f"{API}/runs/log-parameter", fields).status == 200
    assert runs(target.found(text)) == 0


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "params.a = 'x'" + ")" * 5_000,
        "NOT " * 5_000 + "params.a = 'x'",
        " AND ".join(["params.a = 'x'"] * 5_000),
        " OR ".join(f"metrics.m{number} > 0" for number in range(5_000)),
        f"params.a IN ({','.join(['0'] * 100_000)})",
        "params.a = '" + "x" * 300_000 + "'",
        "params.a =~ '" + "(" * 400 + ")" * 400 + "'",
        "params.a =~ 'a{100000}'",
        "params.a =~ '((a{100}){100}){100}'",
        "params.a =~ '" + "a" * 2_000 + "'",
        "params.a =~ '('",
        "params.a =~ '(?=a)'",
        r"params.a =~ '(a)\1'",
    ],
    ids=lambda text: text[:24],
)
def test_filter_5_a_filter_that_is_too_deep_or_long_is_refused(target: Target, text: str) -> None:
    refused(target.found(text))


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "9" * 400, "99999999999999999999", "9223372036854775808"]
)
def test_filter_5_a_number_may_be_beyond_all_others(target: Target, number: str) -> None:
    assert runs(target.found(f"metrics.none > {number}")) == 0
    assert runs(target.found(f"attributes.start_time > {number.lstrip('-')}")) == 0


def token(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "forged",
    [
        "AAAA",
        "x" * 100_000,
        "' OR 1=1 --",
        "\U0001f600",
        token(),
        token(0, "' OR 1=1 --"),
        token({"a": 1}),
        base64.b64encode(b"[" * 100_000).decode(),
        "null",
        "0",
        "-1",
    ],
    ids=lambda forged: forged[:12],
)
def test_filter_6_a_page_token_that_was_not_given_is_refused(target: Target, forged: str) -> None:
    for _ in range(2):
        run = target.run()
    metrics = [{"key": "m", "value": 1, "timestamp": n, "step": n} for n in range(3)]
    target("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})
    fields = {"max_results": 1, "page_token": forged}
    refused(
        target.found("", **fields),
        target("POST", f"{API}/experiments/search", fields),
        target("POST", f"{API}/logged-models/search", {**fields, "experiment_ids": ["0"]}),
    )
    for path in ("registered-models/search", "model-versions/search", "webhooks"):
        refused(target("GET", f"{API}/{path}?page_token={quoted(forged)[:60_000]}"))
