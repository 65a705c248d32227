"""What the server tells about itself: metrics, log, version and the OpenAPI document."""

from __future__ import annotations

import html
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from prometheus_client.parser import text_string_to_metric_families

from .conftest import Server, Start


def samples(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = server("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"pegboard_http_{name}", frozenset(labels.items())


def test_requests_are_counted_by_the_path_that_was_declared(start: Start) -> None:
    server = start()
    for n in range(3):
        server("GET", f"/api/probe/things/{n}")
    server("GET", "/ajax-api/probe/things/4")
    server("GET", "/api/probe/fail?kind=value")
    for n in range(5):
        server("GET", f"/guessed/{n}")
    found = samples(server)
    things = {"method": "GET", "path": "/api/probe/things/{thing}"}
    assert found[key("requests_total", **things, status="200")] == 4
    assert found[key("request_seconds_count", **things)] == 4
    assert found[key("request_seconds_bucket", **things, le="+Inf")] == 4
    assert found[key("request_seconds_sum", **things)] > 0
    fail = {"method": "GET", "path": "/api/probe/fail"}
    assert found[key("requests_total", **fail, status="400")] == 1
    assert found[key("requests_total", method="", path="", status="404")] == 5
    # The one that asks is in flight itself.
    assert found[key("requests_in_flight")] == 1
    assert found[key("streams")] == 0


def test_refused_connections_are_counted(start: Start) -> None:
    server = start()
    server.raw(b"nonsense\r\n\r\n")
    assert samples(server)[key("connections_refused_total")] == 1


def test_the_access_log_has_a_line_of_json_for_each_request(start: Start) -> None:
    server = start()
    answer = server("POST", "/api/probe/quick?secret=1", {"name": "a"})
    server("GET", "/nope")
    assert server.stop() == 0
    first, second = [line for line in server.log if line["kind"] == "access"]
    assert first["request"] == answer.headers["x-request-id"]
    assert (first["method"], first["path"]) == ("POST", "/api/probe/quick")
    assert (first["status"], first["bytes"]) == (200, len(answer.body))
    assert (first["client"], second["status"]) == ("127.0.0.1", 404)
    assert first["ms"] > 0


def test_the_access_log_can_be_turned_off(start: Start) -> None:
    server = start("--no-access-log")
    server("GET", "/api/probe/quick")
    server.stop()
    assert server.log == []


def test_a_log_that_nobody_reads_holds_nothing_up(start: Start) -> None:
    server = start()
    path = "/" + "a" * 60_000
    for _ in range(50):
        assert server("GET", path).status == 404
    assert server.is_well()


def test_the_version_is_told(server: Server) -> None:
    # MLflow's clients send spans only to a server of 3.4 or later.
    assert tuple(map(int, server("GET", "/version").body.decode().split("."))) >= (3, 4)


# -- OpenAPI -------------------------------------------------------------------------------------


@pytest.fixture
def document(server: Server) -> Any:
    return server("GET", "/openapi.json").json


def test_the_document_is_valid(document: Any) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_endpoint_is_in_the_document(document: Any) -> None:
    paths = document["paths"]
    assert set(paths["/api/probe/things/{thing}"]) == {"get", "delete"}
    assert "/api/probe/files/{path}" in paths
    assert paths["/health"]["get"].get("security") is None
    assert paths["/api/probe/quick"]["get"]["security"]


def test_people_read_the_document_as_a_page(server: Server, document: Any) -> None:
    answer = server("GET", "/docs", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = html.unescape(answer.body.decode())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            entry = f"<dt><code>{method.upper()} {path}</code></dt><dd>{operation['summary']}"
            assert entry in page
    assert 'href="./openapi.json"' in page
    assert "<script" not in page


def test_operations_have_names_of_their_own(document: Any) -> None:
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))


def test_the_schema_of_a_request_is_its_body(document: Any) -> None:
    operation = document["paths"]["/api/probe/thread"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name"]
    assert operation["requestBody"]["required"] is True
    assert document["paths"]["/api/probe/files/{path}"]["put"]["requestBody"]["content"] == {
        "application/octet-stream": {}
    }
