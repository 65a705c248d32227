"""What a client no longer waits for, the server no longer works on: every search, and histories.

An answer that was completed counts as a 200 though its client was gone, one that was given up as a
499: no test here depends on how long anything takes.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import served
from pegboard.config import Config
from pegboard.entities import Metric
from pegboard.entities.traces import TraceInfo, TraceState
from pegboard.host import Host

SECONDS = 60.0
API = "/api/2.0/mlflow"
COMMAND = Path(sys.executable).with_name("pegboard")

SLOW = f"tags.t LIKE '%{'a' * 1_990}b%'"
"""Compares nearly 2,000 characters with each character of a value: just what is allowed."""
LONG = "a" * 5_000
ROWS = 400
POINTS = 300_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a store in which there is much to look at."""
    made = tmp_path_factory.mktemp("store")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{made}/s.db")
    registry = host.model_registry(f"sqlite:{made}/s.db")
    models, traces = store.logged_models(), store.traces()
    registry.create_model("m")
    for number in range(ROWS):
        store.create_experiment(f"e{number}", tags={"t": LONG})
        store.create_run("0", tags={"t": LONG})
        registry.create_model(f"m{number}", tags={"t": LONG})
        registry.create_version("m", "s3://b/m", tags={"t": LONG})
        models.create("0", name=f"l{number}", tags={"t": LONG})
        traces.start(TraceInfo(f"tr-{number}", "0", 1, TraceState.OK, 1, tags={"t": LONG}))
    run = store.create_run("0", run_id="f" * 32)
    for begin in range(0, POINTS, 1_000):
        # Not in the order of time, so that all of them have to be sorted.
        points = [Metric("m", 1.0, POINTS - n, n) for n in range(begin, begin + 1_000)]
        store.log_batch(run.info.run_id, metrics=points)
    host.close()
    return made


class Server:
    """A server on that store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = urlsplit(url).port or 0

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def metrics(self) -> str:
        return self.get("/metrics").decode()

    def in_flight(self) -> int:
        """Return how many requests are worked on, without the one that asks."""
        found = re.search(r"^pegboard_http_requests_in_flight (\d+)", self.metrics(), re.M)
        assert found is not None
        return int(found[1]) - 1

    def wait_for(self, in_flight: int) -> None:
        deadline = time.monotonic() + SECONDS
        while self.in_flight() != in_flight:
            assert time.monotonic() < deadline, self.metrics()

    def statuses(self, path: str) -> dict[str, int]:
        """Return how often each status was counted for a path."""
        lines = [line for line in self.metrics().splitlines() if f'path="{path}"' in line]
        found = (re.search(r'requests_total{.*status="(\d+)"} (\d+)', line) for line in lines)
        return {match[1]: int(match[2]) for match in found if match is not None}

    def begin(self, method: str, path: str, fields: object) -> socket.socket:
        """Send a request; return the connection, on which nothing was read."""
        body = b"" if fields is None else json.dumps(fields).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        connection.sendall(head.encode() + body)
        return connection


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    with served.serving(place) as url:
        yield Server(url)


HISTORY = f"{API}/metrics/get-history"
SEARCHES = [
    ("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "filter": SLOW}),
    ("POST", f"{API}/experiments/search", {"max_results": 10, "filter": SLOW}),
    ("GET", f"{API}/registered-models/search?filter={quote(SLOW)}", None),
    ("GET", f"{API}/model-versions/search?filter={quote(SLOW)}", None),
    ("POST", f"{API}/logged-models/search", {"experiment_ids": ["0"], "filter": SLOW}),
    (
        "POST",
        "/api/3.0/mlflow/traces/search",
        {
            "locations": [
                {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
            ],
            "filter": SLOW,
        },
    ),
    ("GET", f"{HISTORY}?run_id={'f' * 32}&metric_key=m", None),
]


@pytest.mark.parametrize(
    ("method", "target", "fields"), SEARCHES, ids=lambda value: str(value).partition("?")[0][-20:]
)
def test_what_nobody_waits_for_is_given_up(
    server: Server, method: str, target: str, fields: object
) -> None:
    path = target.partition("?")[0]
    before = server.statuses(path)
    assert server.in_flight() == 0
    with server.begin(method, target, fields):
        server.wait_for(1)
    server.wait_for(0)
    assert server.statuses(path) == before | {"499": before.get("499", 0) + 1}


def test_an_export_that_is_killed_leaves_no_work_behind(server: Server, tmp_path: Path) -> None:
    path = f"{API}/runs/search"
    before = server.statuses(path)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    export = subprocess.Popen(
        [str(COMMAND), "runs", "export", "--experiment", "0", "--filter", SLOW],
        cwd=tmp_path,
        env=environment | {"PEGBOARD_TRACKING_URI": server.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        # It asks for the experiment, and then for its runs.
        while not server.statuses(f"{API}/experiments/get"):
            assert export.poll() is None, export.stderr and export.stderr.read()
        server.wait_for(1)
    finally:
        export.kill()
        export.communicate(timeout=SECONDS)
    server.wait_for(0)
    assert server.statuses(path) == before | {"499": before.get("499", 0) + 1}


def test_many_hostile_searches_keep_nobody_from_being_served(server: Server) -> None:
    hostile = " OR ".join(f"tags.t =~ '(a+)+N{{{number + 1}}}$'" for number in range(250))
    fields = {"experiment_ids": ["0"], "filter": hostile}
    connections = [server.begin("POST", f"{API}/runs/search", fields) for _ in range(8)]
    for connection in connections:
        connection.close()
    found = json.loads(server.get(f"{API}/runs/get?run_id={'f' * 32}"))
    assert found["run"]["info"]["run_id"] == "f" * 32
    server.wait_for(0)
    connection = server.begin("POST", f"{API}/runs/search", fields)
    with connection, connection.makefile("rb") as stream:
        assert stream.readline().startswith(b"HTTP/1.1 400 ")
