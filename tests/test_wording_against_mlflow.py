"""What clients look for in the errors of MLflow's server is in ours, at the same status and code.

The table is proven in the same run: each text has to be in the answer of a real MLflow server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mlflow_server import MlflowServer
from pegboard.config import Config
from pegboard.host import Host
from pegboard_registry.wire.sentences import REGISTRY
from pegboard_server_process import PegboardServer
from pegboard_tracking.wire.sentences import TRACKING
from pegboard_wire import sentences
from pegboard_wire.endpoints import declared
from wording import registry, runs, tracking
from wording.world import World

Row = tuple[str, str, dict[str, Any], str]

ROWS: list[Row] = [
    (method, path, fields, looked_for)
    for table in (runs.FAULTS, tracking.FAULTS, registry.FAULTS)
    for (method, path), faults in table.items()
    for fields, looked_for in faults
]
IDS = [f"{path.removeprefix('/')}-{number}" for number, (_, path, _, _) in enumerate(ROWS)]

SPANS = "/v1/traces"


@pytest.fixture(scope="module")
def theirs(mlflow_server: MlflowServer) -> World:
    return World(mlflow_server.url)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server = PegboardServer(tmp_path_factory.mktemp("pegboard"))
    yield World(server.url)
    server.stop()


def outcome(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_what_clients_look_for_is_said_first(row: Row, theirs: World, ours: World) -> None:
    method, path, fields, looked_for = row
    answers = [world.send(method, path, fields) for world in (theirs, ours)]
    assert outcome(answers[1]) == outcome(answers[0])
    assert theirs.filled(looked_for) in answers[0].json()["message"]
    assert answers[1].json()["message"].startswith(ours.filled(looked_for))


def test_every_sentence_is_proven(ours: World) -> None:
    faults = {
        ours.send(method, path, fields).json().get("pegboard", {}).get("fault")
        for method, path, fields, _ in ROWS
    }
    # Those of spans and of hosts have tests below; MLflow looks for the last one in another way.
    elsewhere = {"bad_media_type", "no_spans", "private_webhook", "no_trace_tag"}
    told = {*sentences.SHARED, *TRACKING, *REGISTRY} - sentences.ALONE
    assert told - elsewhere <= faults


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("artifacts/list", {"run_id": "{run}", "path": "../path"}),
        ("/get-artifact", {"run_id": "{run}", "path": "..//path"}),
        ("/model-versions/get-artifact", {"name": "m-x1", "version": "1", "path": "../path"}),
    ],
)
def test_a_path_that_climbs_gets_mlflows_answer_as_a_whole(
    path: str, fields: dict[str, str], theirs: World, ours: World
) -> None:
    whole = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}
    assert theirs.send("GET", path, fields).json().items() >= whole.items()
    assert ours.send("GET", path, fields).json() == whole


@pytest.mark.parametrize(
    ("media_type", "body", "looked_for"),
    [
        ("text/plain", b"", "Invalid Content-Type: text/plain"),
        ("application/x-protobuf", b"", "no spans found"),
        ("application/json", b"{}", "no spans found"),
    ],
)
def test_what_clients_look_for_in_refusals_of_spans(
    media_type: str, body: bytes, looked_for: str, theirs: World, ours: World
) -> None:
    headers = {"content-type": media_type, "x-mlflow-experiment-id": "0"}
    for world in (theirs, ours):
        answer = requests.post(world.url + SPANS, data=body, headers=headers, timeout=30)
        assert answer.status_code == 400
        assert looked_for in answer.text


@pytest.mark.parametrize(
    ("header", "looked_for"),
    [
        ({"host": "evil.example"}, "Invalid Host header"),
        ({"origin": "http://evil.example"}, "Cross-origin request blocked"),
    ],
)
def test_what_clients_look_for_when_they_are_not_let_in(
    header: dict[str, str], looked_for: str, theirs: World, ours: World
) -> None:
    for world in (theirs, ours):
        place = f"{world.url}/api/2.0/mlflow/experiments/create"
        answer = requests.post(place, json={"name": "x"}, headers=header, timeout=30)
        assert answer.status_code == 403
        assert looked_for in answer.text


# -- which of several wrong fields is named --------------------------------------------------------

WRONG: dict[str, Any] = {
    "string": 31,
    "integer": "x",
    "number": "x",
    "boolean": "x",
    "array": 31,
    "object": 31,
}
STANDS_FOR_ALL = ("experiment_ids", "locations", "trace_ids", "max_results")
"""Fields that may be missing here, though not there: nothing, or everything, is meant."""


def named(answer: requests.Response) -> str | None:
    """Return the field that an error is about, if it is about one."""
    if answer.ok or answer.headers["content-type"] != "application/json":
        return None
    _, found, rest = answer.json()["message"].partition("parameter '")
    return rest.partition("'")[0] if found else None


def wrong(schema: dict[str, Any]) -> Any:
    return WRONG[(schema.get("oneOf") or schema.get("anyOf") or [schema])[0].get("type", "string")]


def bodies() -> list[tuple[str, str, dict[str, Any]]]:
    host = Host(Config())
    found = [
        (each.method, each.path, {name: wrong(s) for name, s in fields.items()})
        for each in declared(host)
        if "/mlflow/" in each.path and "{" not in each.path and each.method != "GET"
        # Without users nobody administers the gateway: it is compared with MLflow elsewhere.
        if "/mlflow/gateway/" not in each.path
        for fields in [each.request.get("properties", {})]
        if fields and not each.streams
    ]
    host.close()
    return found


@pytest.mark.parametrize("missing", [False, True], ids=["wrong", "missing"])
def test_of_several_wrong_fields_the_same_one_is_named(
    missing: bool, theirs: World, ours: World
) -> None:
    compared = 0
    for method, path, fields in bodies():
        sent = {} if missing else fields
        expected, found = (named(w.send(method, path, sent)) for w in (theirs, ours))
        if expected is None or (missing and expected in STANDS_FOR_ALL):
            continue
        assert (path, found) == (path, expected)
        compared += 1
    assert compared >= 35
