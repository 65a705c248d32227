"""Signs of life, as a server gets them from a client, and servers that want none."""

from __future__ import annotations

import time

from pegboard.entities import RunStatus
from pegboard_tracking.client.heartbeats import PATH
from pegboard_wire.client.abilities import PATH as ABILITIES


def beats(server) -> list[dict[str, object]]:
    return [seen.json for seen in server.calls("/heartbeat")]


def test_a_server_is_told_of_a_run_and_its_end_is_not_told_twice(server, store) -> None:
    run_id = store.create_run("0").info.run_id
    writer = store.metric_writer()
    writer.attach(run_id)
    assert [seen.path for seen in server.seen[-2:]] == [ABILITIES, PATH]
    assert beats(server) == [{"writer": writer.id, "run_ids": [run_id]}]
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=5)
    writer.detach(run_id)
    assert len(beats(server)) == 1
    store.close()
    assert beats(server)[1:] == [{"writer": writer.id, "leaves": True}]


def test_a_run_that_is_let_go_is_no_longer_kept_alive(server, store) -> None:
    run_id = store.create_run("0").info.run_id
    writer = store.metric_writer()
    writer.attach(run_id)
    writer.detach(run_id)
    assert beats(server)[-1] == {"writer": writer.id, "ended": [run_id]}


def test_a_server_that_wants_no_signs_of_life_is_asked_once(server, store, fault) -> None:
    server.fault = lambda seen: fault(404) if "/pegboard/" in seen.path else None
    writer = store.metric_writer()
    for _ in range(3):
        run_id = store.create_run("0").info.run_id
        writer.attach(run_id)
        writer.beat()
        writer.detach(run_id)
    store.close()
    assert beats(server) == []
    assert len(server.calls("/abilities")) == 1


def test_a_server_that_answers_with_a_page_for_everything_is_left_alone(
    server, store, fault
) -> None:
    page = fault(200, {"Content-Type": "text/html"}, b"<html>Hello</html>")
    server.fault = lambda seen: page if "/pegboard/" in seen.path else None
    run_id = store.create_run("0").info.run_id
    store.metric_writer().attach(run_id)
    assert beats(server) == []
    assert list(store.sampled_history(run_id, "none", 10)) == []


def test_an_outage_delays_nobody_and_the_run_is_told_of_later(
    server, store, open_store, monkeypatch
) -> None:
    run_id = store.create_run("0").info.run_id
    monkeypatch.setattr("pegboard_tracking.client.heartbeats._NEXT_TRY_SECONDS", 0.0)
    store = open_store()
    writer = store.metric_writer()
    server.down()
    began = time.monotonic()
    writer.attach(run_id)
    # It is not tried again and again, as other requests are.
    assert time.monotonic() - began < 30
    server.up()
    deadline = time.monotonic() + 60
    while not beats(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert beats(server)[0] == {"writer": writer.id, "run_ids": [run_id]}
