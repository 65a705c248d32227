"""Small things that clients notice in answers: the same from MLflow's server and from ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mlflow_server import MlflowServer
from pegboard_server_process import PegboardServer
from wording.world import World

TRACE = "0102030405060708090a0b0c0d0e0f10"
SPAN = {
    "traceId": TRACE,
    "spanId": "0102030405060708",
    "name": "root",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "5",
}


@pytest.fixture(scope="module")
def worlds(
    mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[World]]:
    ours = PegboardServer(tmp_path_factory.mktemp("pegboard"))
    yield [World(server.url) for server in (mlflow_server, ours)]
    ours.stop()


def test_a_logged_model_holds_its_versions_as_numbers(worlds: list[World]) -> None:
    for world in worlds:
        info = world.send("GET", "logged-models/{model}", {}).json()["model"]["info"]
        tags = {tag["key"]: tag["value"] for tag in info["tags"]}
        assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "m-x1", "version": 1}]


def test_the_spans_of_a_trace_are_saved_under_a_name(worlds: list[World]) -> None:
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
    for world in worlds:
        headers = {"x-mlflow-experiment-id": world.names["exp"]}
        requests.post(f"{world.url}/v1/traces", json=spans, headers=headers, timeout=30)
        place = f"{world.url}/ajax-api/2.0/mlflow/get-trace-artifact"
        answer = requests.get(place, params={"request_id": f"tr-{TRACE}"}, timeout=30)
        assert answer.json()["spans"][0]["name"] == "root"
        disposition = answer.headers["content-disposition"].replace('"', "")
        assert disposition == "attachment; filename=traces.json"


@pytest.mark.parametrize(
    ("status", "given", "kept"),
    [("SCHEDULED", {}, 77), ("SCHEDULED", {"end_time": 99}, 99), ("RUNNING", {"end_time": 99}, 99)],
)
def test_a_run_keeps_its_end(
    worlds: list[World], status: str, given: dict[str, Any], kept: int
) -> None:
    for world in worlds:
        ended = {"run_id": "{run}", "status": "FINISHED", "end_time": 77}
        assert world.send("POST", "runs/update", ended).ok
        changed = {"run_id": "{run}", "status": status, **given}
        info = world.send("POST", "runs/update", changed).json()["run_info"]
        assert (info["status"], info["end_time"]) == (status, kept)


def test_a_history_of_no_points_is_empty(worlds: list[World]) -> None:
    for world in worlds:
        point = {"run_id": "{run}", "key": "loss", "value": 1.0, "timestamp": 1}
        assert world.send("POST", "runs/log-metric", point).ok
        wanted = {"run_id": "{run}", "metric_key": "loss", "max_results": "0"}
        place = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
        answer = world.send("GET", place, wanted)
        assert (answer.status_code, answer.json()) == (200, {"metrics": []})
