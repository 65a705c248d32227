"""A real server is fed what its OpenAPI document allows and forbids, and what nobody expects."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import serving

EXAMPLES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 3}
"""Requests to each operation that keep its schema, as all other tests do, and that break it."""
SECONDS = 60
"""No refusal takes longer than this, however busy the machine is."""

API = "/api/2.0/mlflow"
POST_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("served")
    with serving(place) as address:
        yield address
    log = (place / "log").read_text()
    tracebacks = [line for line in log.splitlines() if "Traceback" in line]
    assert not tracebacks, tracebacks[0]


@pytest.fixture(scope="module")
def known(url: str) -> dict[str, list[str]]:
    """What fields may name that exists, so that requests get past the first look-up."""
    create = requests.post(
        f"{url}{API}/runs/create", json={"experiment_id": "0", "start_time": 1}, timeout=30
    )
    run_id = create.json()["run"]["info"]["run_id"]
    requests.post(
        f"{url}{API}/runs/log-batch",
        json={
            "run_id": run_id,
            "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 1}],
            "params": [{"key": "p", "value": "v"}],
            "tags": [{"key": "t", "value": "v"}],
        },
        timeout=30,
    ).raise_for_status()
    model = requests.post(f"{url}{API}/logged-models", json={"experiment_id": "0"}, timeout=30)
    model_id = model.json()["model"]["info"]["model_id"]
    for path, fields in (
        ("registered-models/create", {"name": "iris"}),
        ("model-versions/create", {"name": "iris", "source": "s3://bucket/m"}),
        ("registered-models/alias", {"name": "iris", "alias": "champion", "version": "1"}),
    ):
        requests.post(f"{url}{API}/{path}", json=fields, timeout=30).raise_for_status()
    return {
        "name": ["iris"],
        "version": ["1", "2", "0"],
        "alias": ["champion"],
        "stage": ["Production"],
        "source": ["s3://bucket/m", "models:/iris/1", f"runs:/{run_id}/a", "/etc"],
        "run_id": [run_id],
        "run_ids": [run_id],
        "experiment_id": ["0"],
        "experiment_ids": ["0"],
        "model_id": [model_id],
        "metric_key": ["m"],
        "key": ["m", "p", "t", "mlflow.runName", "mlflow.note.content"],
        "path": [".", "a", "a/b"],
        "artifact_path": ["a", "a/b"],
    }


# -- by the document ---------------------------------------------------------------------------


def test_no_request_that_keeps_or_breaks_the_document_is_answered_out_of_form(
    url: str, known: dict[str, list[str]]
) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    problems: dict[str, str] = {}
    operations = [found.ok() for found in schema.get_all_operations()]
    # Below these the gateway answers by the same functions as without them.
    same = re.compile("/gateway/(openai|anthropic|gemini|mlflow/v1)/")
    operations = [each for each in operations if not same.match(each.path)]
    assert len(operations) > 60
    for operation in operations:
        modes = EXAMPLES if _has_a_form(operation.definition.raw) else [GenerationMode.POSITIVE]
        for mode in modes:
            try:
                _fuzz(operation, mode, known)
            except BaseExceptionGroup as group:
                problems[operation.label] = "\n".join(map(str, group.exceptions))
            except Exception as error:
                problems[operation.label] = str(error)
    assert not problems, "\n\n".join(f"{label}\n{text}" for label, text in problems.items())


def _has_a_form(operation: dict[str, Any]) -> bool:
    """Whether a request can break what the document says of the operation.

    Any text is a part of a path, and any bytes are a body without a schema.
    """
    parameters = operation["parameters"]
    body = operation.get("requestBody", {}).get("content", {})
    return "application/json" in body or any(
        each["in"] != "path" or each["schema"] != {"type": "string"} for each in parameters
    )


def _fuzz(operation: Any, mode: GenerationMode, known: dict[str, list[str]]) -> None:
    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.randoms(use_true_random=False))
    def send(case: Any, draw: Any) -> None:
        for part in (case.path_parameters, case.query, case.body):
            if isinstance(part, dict):
                for name in part.keys() & known.keys():
                    if draw.random() < 0.6:
                        value = draw.choice(known[name])
                        part[name] = [value] if isinstance(part[name], list) else value
        response = case.call()
        case.validate_response(
            response,
            checks=[
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
                _no_fault_of_the_server,
                _errors_have_mlflows_form,
            ],
        )

    send()


def _no_fault_of_the_server(ctx: Any, response: Any, case: Any) -> None:
    assert response.status_code < 500 or response.status_code == 501, response.text


def _errors_have_mlflows_form(ctx: Any, response: Any, case: Any) -> None:
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/json"]
        error = response.json()
        assert "Traceback" not in response.text, error
        if "$ref" not in case.operation.definition.raw["responses"]["default"]:
            # The form of the API that its clients speak; tests of the gateway know it.
            assert isinstance(error, dict), error
            return
        assert set(error) - {"pegboard"} == {"error_code", "message"}, error
        assert error["message"], error
        assert "Traceback" not in error["message"], error
        assert "site-packages" not in error["message"], error


# -- by hand ------------------------------------------------------------------------------------

INT64 = 2**63
LONG = "x" * 100_000
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    INT64 - 1,
    INT64,
    -INT64 - 1,
    10**400,
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "../../etc/passwd",
    "'; DROP TABLE run; --",
    "NaN",
    LONG,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
)
VALID: dict[str, dict[str, Any]] = {
    "experiments/create": {"name": "e", "tags": [{"key": "k", "value": "v"}]},
    "experiments/search": {"max_results": 1, "filter": "", "order_by": [], "page_token": ""},
    "experiments/update": {"experiment_id": "0", "new_name": "e"},
    "experiments/set-experiment-tag": {"experiment_id": "0", "key": "k", "value": "v"},
    "runs/create": {"experiment_id": "0", "start_time": 1, "run_name": "r", "tags": []},
    "runs/update": {"run_id": "", "status": "RUNNING", "end_time": 1, "run_name": "r"},
    "runs/log-metric": {"run_id": "", "key": "m", "value": 1, "timestamp": 1, "step": 1},
    "runs/log-parameter": {"run_id": "", "key": "q", "value": "v"},
    "runs/set-tag": {"run_id": "", "key": "q", "value": "v"},
    "runs/delete-tag": {"run_id": "", "key": "q"},
    "runs/log-batch": {"run_id": "", "metrics": [], "params": [], "tags": []},
    "runs/log-inputs": {"run_id": "", "datasets": []},
    "runs/search": {
        "experiment_ids": ["0"],
        "filter": "",
        "run_view_type": "ALL",
        "max_results": 1,
        "order_by": [],
        "page_token": "",
    },
    "registered-models/create": {"name": "n", "description": "", "tags": []},
    "registered-models/alias": {"name": "iris", "alias": "a", "version": "1"},
    "registered-models/get-latest-versions": {"name": "iris", "stages": ["None"]},
    "model-versions/create": {
        "name": "iris",
        "source": "s3://bucket/m",
        "run_id": "r",
        "model_id": "m-1",
        "tags": [],
    },
    "model-versions/transition-stage": {
        "name": "iris",
        "version": "1",
        "stage": "Production",
        "archive_existing_versions": False,
    },
    "model-versions/set-tag": {"name": "iris", "version": "1", "key": "k", "value": "v"},
    "webhooks": {
        "name": "n",
        "url": "https://example.com/",
        "events": [{"entity": "PROMPT", "action": "CREATED"}],
        "secret": "s",
        "status": "ACTIVE",
    },
    "logged-models": {"experiment_id": "0", "name": "n", "tags": [], "params": []},
    "logged-models/search": {"experiment_ids": ["0"], "filter": "", "max_results": 1},
}


@pytest.mark.parametrize("path", VALID)
def test_a_field_of_any_other_kind_is_no_fault_of_the_server(
    url: str, known: dict[str, list[str]], path: str
) -> None:
    valid = {**VALID[path]}
    if "run_id" in valid:
        valid["run_id"] = known["run_id"][0]
    with requests.Session() as session:
        for field in valid:
            for value in ODD_VALUES:
                _accepted_or_refused(session, f"{url}{API}/{path}", {**valid, field: value})


def _accepted_or_refused(session: requests.Session, address: str, fields: object) -> None:
    body = json.dumps(fields).encode()
    answer = session.post(address, data=body, headers=POST_JSON, timeout=SECONDS)
    shown = f"{body[:300]!r}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, shown
    if answer.status_code >= 400:
        assert set(answer.json()) - {"pegboard"} == {"error_code", "message"}, shown
        assert len(answer.text) < 3000, shown


BODIES: dict[str, bytes] = {
    "truncated": b'{"experiment_id": "0", "start_ti',
    "no JSON": b"\x00\xff\xfe",
    "an array": b"[]",
    "a string": b'"x"',
    "a number": b"1",
    "null": b"null",
    "10,000 deep, in arrays": b'{"experiment_id":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 deep, in objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 deep, never closed": b"[" * 10_000,
    "beyond int64": b'{"experiment_id": "0", "start_time": 9223372036854775808}',
    "a long number": b'{"experiment_id": "0", "start_time": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"experiment_id": "\\ud800"}',
    "not UTF-8": b'{"experiment_id": "\xff"}',
    "an unknown experiment": b'{"experiment_id": "999999"}',
    "a bare NaN": b'{"experiment_id": "0", "start_time": NaN}',
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", ["runs/create", "runs/log-batch", "runs/log-metric"])
def test_a_hostile_body_is_refused_and_writes_nothing(url: str, path: str, kind: str) -> None:
    before = _runs(url)
    answer = requests.post(
        f"{url}{API}/{path}", data=BODIES[kind], headers=POST_JSON, timeout=SECONDS
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert set(answer.json()) - {"pegboard"} == {"error_code", "message"}
    assert _runs(url) == before


def _runs(url: str) -> list[str]:
    found = []
    fields: dict[str, Any] = {"experiment_ids": ["0"], "run_view_type": "ALL"}
    while True:
        page = requests.post(f"{url}{API}/runs/search", json=fields, timeout=30).json()
        found += [run["info"]["run_id"] for run in page.get("runs", [])]
        if not page.get("next_page_token"):
            return found
        fields["page_token"] = page["next_page_token"]


BAD_ENTRIES: dict[str, dict[str, Any]] = {
    "a metric without a key": {"metrics": [{"value": 1, "timestamp": 1}]},
    "a metric with a text": {"metrics": [{"key": "bad", "value": "x", "timestamp": 1, "step": 1}]},
    "a step beyond int64": {"metrics": [{"key": "bad", "value": 1, "timestamp": 1, "step": INT64}]},
    "a param that changes": {"params": [{"key": "p", "value": "another"}]},
    "a name that climbs": {"metrics": [{"key": "../bad", "value": 1, "timestamp": 1}]},
    "a name that is too long": {"tags": [{"key": LONG, "value": "v"}]},
    "too many metrics": {
        "metrics": [{"key": "many", "value": 1, "timestamp": 1, "step": i} for i in range(1001)]
    },
}


@pytest.mark.parametrize("kind", BAD_ENTRIES)
def test_of_a_batch_with_a_bad_entry_nothing_is_written(
    url: str, known: dict[str, list[str]], kind: str
) -> None:
    run_id = known["run_id"][0]
    good: dict[str, list[dict[str, Any]]] = {
        "metrics": [{"key": "good", "value": 1, "timestamp": 1, "step": 1}],
        "params": [{"key": f"good {kind}", "value": "v"}],
        "tags": [{"key": f"good {kind}", "value": "v"}],
    }
    for name, entries in BAD_ENTRIES[kind].items():
        good[name] = [*good[name], *entries]
    before = _data(url, run_id)
    answer = requests.post(
        f"{url}{API}/runs/log-batch", json={"run_id": run_id, **good}, timeout=30
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert _data(url, run_id) == before


def _data(url: str, run_id: str) -> Any:
    answer = requests.get(f"{url}{API}/runs/get", params={"run_id": run_id}, timeout=30)
    return answer.json()["run"]["data"]


def test_an_upload_that_breaks_off_leaves_no_file(url: str) -> None:
    prefix = "/api/2.0/mlflow-artifacts/artifacts"
    host = urlsplit(url)
    assert host.hostname
    with socket.create_connection((host.hostname, host.port or 80), 30) as connection:
        head = f"PUT {prefix}/torn/half.bin HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"x" * 500_000)
    requests.put(f"{url}{prefix}/torn/whole.bin", data=b"whole", timeout=30).raise_for_status()
    listed = requests.get(f"{url}{prefix}", params={"path": "torn"}, timeout=30).json()
    assert [entry["path"] for entry in listed["files"]] == ["whole.bin"]
    assert requests.get(f"{url}{prefix}/torn/half.bin", timeout=30).status_code == 404


def test_clients_that_vanish_do_not_hold_the_others_up(url: str) -> None:
    host = urlsplit(url)
    assert host.hostname
    address = (host.hostname, host.port or 80)
    search = b'{"experiment_ids": ["0"]}'
    head = f"POST {API}/runs/search HTTP/1.1\r\nHost: localhost\r\n" + (
        f"Content-Type: application/json\r\nContent-Length: {len(search)}\r\n\r\n"
    )
    pieces = [head.encode()[:20], head.encode(), head.encode() + search[:5], head.encode() + search]

    def vanish(piece: bytes) -> None:
        for _ in range(50):
            with socket.create_connection(address, 30) as connection:
                connection.sendall(piece)
                # The close becomes a reset, so the server's answer hits a closed door.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    threads = [threading.Thread(target=vanish, args=(piece,)) for piece in pieces]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert requests.get(f"{url}/health", timeout=30).ok
        assert _runs(url)
    for thread in threads:
        thread.join()
    with socket.create_connection(address, 30) as connection:
        connection.sendall(head.encode() + search)
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 200
