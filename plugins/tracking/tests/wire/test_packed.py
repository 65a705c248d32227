"""Points that come packed, as journals keep them."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.config import Config
from pegboard.entities import RunStatus
from pegboard.errors import InvalidState, InvalidValue, NotFound, NotSupported
from pegboard.host import Host
from pegboard_tracking.points import packed_points
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Call, Identity, Permission

TESTER = Identity("tester", frozenset(Permission))
POINTS = st.binary(min_size=24, max_size=480).map(lambda found: found[: len(found) // 24 * 24])


def points(*steps: int) -> bytes:
    return b"".join(struct.pack("<qqd", step, step + 100, step / 2) for step in steps)


def head(given: object, rest: bytes = b"") -> bytes:
    text = json.dumps(given).encode()
    return struct.pack("<I", len(text)) + text + rest


@pytest.fixture
def send(wire):
    """Return what sends a body under a name and number."""
    endpoint = wire._endpoints["POST", packed_points.PATH]

    def send(body: bytes, batch: str = "j:1", *, uri: str = wire.uri) -> None:
        headers = {"x-pegboard-batch": batch} if batch else {}
        call = Call(wire.host, TESTER, {}, headers, tracking_uri=uri, content=body)
        assert endpoint.handle(call) == {}

    return send


@given(st.text(), st.dictionaries(st.text(), POINTS, min_size=1))
def test_what_is_packed_is_unpacked(run_id, series) -> None:
    assert packed_points.unpack(packed_points.pack(run_id, series)) == (run_id, series)


@given(st.binary(max_size=100))
def test_garbage_is_refused_in_words(body) -> None:
    with pytest.raises(InvalidValue):
        packed_points.unpack(body)


@pytest.mark.parametrize(
    "body",
    [
        head([]),
        head({"run_id": "r"}),
        head({"run_id": 7, "series": [["m", 1]]}, points(1)),
        head({"run_id": "r", "series": []}),
        head({"run_id": "r", "series": [["m", 0]]}),
        head({"run_id": "r", "series": [["m", -1]]}),
        head({"run_id": "r", "series": [["m", True]]}, points(1)),
        head({"run_id": "r", "series": [["m", 1.0]]}, points(1)),
        head({"run_id": "r", "series": [["m", 10**30]]}, points(1)),
        head({"run_id": "r", "series": [[7, 1]]}, points(1)),
        head({"run_id": "r", "series": [["m"]]}, points(1)),
        head({"run_id": "r", "series": [["m", 1], ["m", 1]]}, points(1, 2)),
        head({"run_id": "r", "series": [["m", 2]]}, points(1)),
        head({"run_id": "r", "series": [["m", 1]]}, points(1, 2)),
        head({"run_id": "r", "series": [["m", 1]]}, points(1)[:-1]),
        struct.pack("<I", 2**32 - 1) + b"{}",
        head({"run_id": "r", "series": "[" * 5})[:-3] + b"[" * 100_000,
    ],
)
def test_a_body_whose_head_lies_is_refused(body) -> None:
    with pytest.raises(InvalidValue):
        packed_points.unpack(body)


def test_points_are_appended_and_the_last_counts(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    send(packed_points.pack(run_id, {"loss": points(0, 1), "acc": points(5)}), "j:1")
    special = struct.pack("<qqd", 2, 7, math.nan) + struct.pack("<qqd", -3, 8, math.inf)
    send(packed_points.pack(run_id, {"loss": special}), "j:2")
    history = [(p.step, p.timestamp, p.value) for p in wire.store.metric_history(run_id, "loss")]
    assert history[:2] == [(0, 100, 0.0), (1, 101, 0.5)]
    assert history[3] == (-3, 8, math.inf)
    assert math.isnan(history[2][2])
    data = wire.store.get_run(run_id).data.metrics
    assert data["acc"] == 2.5
    assert math.isnan(data["loss"])


def test_a_batch_that_comes_again_is_answered_but_not_kept_again(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    for _ in range(2):
        send(packed_points.pack(run_id, {"loss": points(0, 1)}))
    assert [point.step for point in wire.store.metric_history(run_id, "loss")] == [0, 1]


def test_all_of_a_body_is_kept_or_nothing(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    with pytest.raises(InvalidValue):
        send(packed_points.pack(run_id, {"loss": points(0), "": points(0)}))
    assert wire.store.get_run(run_id).data.metrics == {}
    send(packed_points.pack(run_id, {"loss": points(0)}))


def test_runs_that_take_no_points_refuse_them(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    wire.store.delete_run(run_id)
    body = packed_points.pack(run_id, {"loss": points(0)})
    with pytest.raises(InvalidState):
        send(body)
    wire.store.restore_run(run_id)
    send(body)
    assert len(wire.store.metric_history(run_id, "loss")) == 1
    with pytest.raises(NotFound):
        send(packed_points.pack("0" * 32, {"loss": points(0)}))


def test_points_of_a_lost_run_reopen_it(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    wire.post("/api/pegboard/1.0/runs/heartbeat", writer="c", run_ids=[run_id])
    wire.store.update_run(run_id, status=RunStatus.LOST)
    send(packed_points.pack(run_id, {"loss": points(0)}))
    assert wire.store.get_run(run_id).info.status is RunStatus.RUNNING


def test_points_stay_in_the_order_they_were_logged(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    writer = wire.store.metric_writer()
    writer.log(run_id, "m", 1.0, 1, 1)
    send(packed_points.pack(run_id, {"m": points(2)}))
    writer.log(run_id, "m", 1.0, 1, 3)
    assert [point.step for point in wire.store.metric_history(run_id, "m")] == [1, 2, 3]


def test_a_body_needs_a_name_and_number(wire, send) -> None:
    body = packed_points.pack(wire.run(experiment_id="0"), {"m": points(1)})
    for batch in ("", "j"):
        with pytest.raises(InvalidValue, match="NAME:NUMBER"):
            send(body, batch)


def test_other_stores_say_that_they_take_none(send) -> None:
    with pytest.raises(NotSupported):
        send(packed_points.pack("r", {"m": points(1)}), uri="memory:packed")
    host = Host(Config())
    endpoints = {each.path: each for each in declared(host)}
    call = Call(host, TESTER, {}, {}, tracking_uri="memory:packed")
    assert "packed_points" not in endpoints["/api/pegboard/1.0/abilities"].handle(call)
    host.close()
