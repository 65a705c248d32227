"""Numbered batches: one that comes again is not taken twice."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3

import pytest
from pegboard.contracts.http import Call, Identity, Permission
from pegboard.errors import InvalidState, InvalidValue

TESTER = Identity("tester", frozenset(Permission))
METRIC = {"key": "m", "value": 1.0, "timestamp": 1, "step": 0}


@pytest.fixture
def send(wire):
    """Return what sends a batch of one point under a name and number."""
    endpoint = wire._endpoints["POST", "/api/2.0/mlflow/runs/log-batch"]
    run_id = wire.run(experiment_id="0")
    values = itertools.count()

    def send(batch: str, **fields: object) -> int:
        # A point that is alike in all would be kept once in any case.
        given = {"run_id": run_id, "metrics": [{**METRIC, "value": next(values)}], **fields}
        headers = {"x-pegboard-batch": batch}
        call = Call(wire.host, TESTER, given, headers, tracking_uri=wire.uri)
        asyncio.run(endpoint.handle(call))
        return len(wire.store.metric_history(run_id, "m"))

    send.run_id = run_id
    return send


def test_a_batch_that_comes_again_is_answered_but_not_kept_again(send):
    assert [send("j:8"), send("j:8"), send("j:9"), send("j:8"), send("j:9")] == [1, 1, 2, 2, 2]


def test_names_are_apart(send):
    assert [send("one:5"), send("two:5"), send("two:4"), send("one:6")] == [1, 2, 2, 3]


def test_a_batch_that_was_refused_may_come_again(send, wire):
    wire.store.delete_run(send.run_id)
    with pytest.raises(InvalidState):
        send("j:1")
    wire.store.restore_run(send.run_id)
    assert send("j:1") == 1


def test_points_stay_in_their_order(send, wire):
    writer = wire.store.metric_writer()
    writer.log(send.run_id, "m", 1.0, 1, 1)
    send("j:1", metrics=[{**METRIC, "step": 2}])
    writer.log(send.run_id, "m", 1.0, 1, 3)
    assert [point.step for point in wire.store.metric_history(send.run_id, "m")] == [1, 2, 3]


@pytest.mark.parametrize(
    "batch", ["j", ":1", "j:", "j:-1", "j:x", "a b:1", "j:1:2", "j" * 200 + ":1"]
)
def test_a_batch_without_name_and_number_is_refused(send, batch):
    with pytest.raises(InvalidValue, match="NAME:NUMBER"):
        send(batch)


def test_names_that_were_not_used_for_long_are_forgotten(send, wire):
    send("old:1")
    with sqlite3.connect(wire.uri.removeprefix("sqlite:")) as connection:
        connection.execute("UPDATE received SET seen = 0")
    send("new:1")
    with sqlite3.connect(wire.uri.removeprefix("sqlite:")) as connection:
        assert connection.execute("SELECT name FROM received").fetchall() == [("new",)]
