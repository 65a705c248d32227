"""LIMIT: nobody gets so much that there is nothing left for others."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from target import API, HOST, PROXY, SECONDS, Reply, Target, refused

JSON = b"Content-Type: application/json\r\n"


@pytest.mark.parametrize("count", [0, -1, 200_001, 2**31, 2**63, "all", 1.5, True, [1]])
def test_limit_1_a_page_has_a_largest_size(target: Target, count: Any) -> None:
    refused(
        target.found("", max_results=count),
        target("POST", f"{API}/experiments/search", {"max_results": count}),
        target(
            "POST", f"{API}/logged-models/search", {"experiment_ids": ["0"], "max_results": count}
        ),
    )
    query = f"max_results={count}"
    refused(
        target("GET", f"{API}/registered-models/search?{query}"),
        target("GET", f"{API}/model-versions/search?{query}"),
        target("GET", f"{API}/webhooks?{query}"),
    )


def test_limit_2_names_and_values_have_a_largest_length(target: Target) -> None:
    """CVE-2024-6838."""
    run, long = target.run(), "n" * 1_000_000
    metric = {"run_id": run, "value": 1, "timestamp": 1}
    refused(
        target.experiment(long),
        target.experiment("long place", artifact_location=f"mlflow-artifacts:/{'a' * 100_000}"),
        target("POST", f"{API}/runs/log-metric", {**metric, "key": long}),
        target("POST", f"{API}/runs/log-parameter", {"run_id": run, "key": long, "value": "x"}),
        target("POST", f"{API}/runs/set-tag", {"run_id": run, "key": long, "value": "x"}),
        target("POST", f"{API}/registered-models/create", {"name": long}),
        target("POST", f"{API}/registered-models/create", {"name": "a", "description": long}),
    )
    # Long values are cut, as MLflow does.
    for path in ("log-parameter", "set-tag"):
        fields = {"run_id": run, "key": "k", "value": long}
        assert target("POST", f"{API}/runs/{path}", fields).status == 200
    data = target("GET", f"{API}/runs/get?run_id={run}").json["run"]["data"]
    kept = [len(entry["value"]) for entry in (*data["params"], *data["tags"])]
    assert max(kept) <= 8_000


def test_limit_3_many_names_in_one_request_hold_nobody_up(target: Target) -> None:
    """CVE-2025-0453."""
    ids = [str(number) for number in range(100_000)]
    reply = target("POST", f"{API}/runs/search", {"experiment_ids": ids, "max_results": 10})
    assert reply.status in (200, 400)
    run = target.run()
    metrics = [{"key": "m", "value": 1, "timestamp": 1, "step": n} for n in range(20_000)]
    tags = [{"key": f"t{n}", "value": "x"} for n in range(20_000)]
    refused(
        target("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics}),
        target("POST", f"{API}/runs/log-batch", {"run_id": run, "tags": tags}),
        target("GET", f"{API}/experiments/get?{'a&' * 10_001}"),
    )
    assert "tags" not in target("GET", f"{API}/runs/get?run_id={run}").text or not any(
        tag["key"].startswith("t")
        for tag in target("GET", f"{API}/runs/get?run_id={run}").json["run"]["data"]["tags"]
    )


def test_limit_4_connections_beyond_the_limit_are_told_and_then_cut(hasty: Target) -> None:
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(20):
            held.append(stack.enter_context(hasty.connect()))
            held[-1].sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
            assert held[-1].recv(4096).startswith(b"HTTP/1.1 200 ")
        reply = hasty("GET", "/health")
        assert (reply.status, reply.headers["connection"]) == (503, "close")
        more = [stack.enter_context(hasty.connect()) for _ in range(40)]
        assert any(_is_cut(connection) for connection in more)
    assert until(lambda: hasty("GET", "/health"), 200)


def _is_cut(connection: Any) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def until(call: Any, status: int) -> Reply:
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(ConnectionError):
            reply: Reply = call()
            if reply.status == status:
                return reply
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_limit_5_streams_beyond_the_limit_are_refused_and_others_served(hasty: Target) -> None:
    head = f"PUT {PROXY}/stream HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 8\r\n\r\n"
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(hasty.connect()) for _ in range(3)]

        def one_more() -> Reply:
            for connection in connections:
                with contextlib.suppress(ConnectionError):
                    connection.close()
            connections[:] = [stack.enter_context(hasty.connect()) for _ in range(3)]
            for connection in connections:
                connection.sendall(head + b"half")
            return hasty("PUT", f"{PROXY}/other", body=b"x")

        # A stream that stands still is cut off after two seconds, perhaps before it is asked.
        reply = until(one_more, 503)
        assert reply.json["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert hasty("POST", f"{API}/experiments/search", {}).status == 200
    assert until(lambda: hasty("PUT", f"{PROXY}/other", body=b"x"), 200)


def test_limit_6_paths_and_methods_that_are_made_up_are_not_measured_one_by_one(
    target: Target,
) -> None:
    before = target("GET", "/metrics").text
    for number in range(200):
        target("GET", f"/made-up/{number}")
        target("GET", f"{API}/logged-models/made-up-{number}")
    after = target("GET", "/metrics").text
    assert "made-up" not in after
    assert len(after.splitlines()) < len(before.splitlines()) + 60


@pytest.mark.parametrize("size", [10_000, 40_000])
def test_limit_7_what_was_sent_is_not_sent_back_in_full(target: Target, size: int) -> None:
    reply = target("GET", f"{API}/experiments/get-by-name?experiment_name={'n' * size}")
    refused(reply)
    assert len(reply.text) < 2_000
