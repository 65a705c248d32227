"""Servers that go away, come back and lose answers: nothing is lost, nothing comes twice."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pegboard.config import HttpConfig
from pegboard.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    Metric,
    Param,
    RunStatus,
    RunTag,
)
from pegboard.errors import InvalidState, InvalidValue, NotFound, StoreError
from pegboard_tracking.client import places
from pegboard_tracking.client.messages import BATCH_HEADER, Message
from pegboard_tracking.client.outbox import Outbox
from pegboard_tracking.points import journal, packed_points
from pegboard_wire.client.connection import connect
from pegboard_wire.client.errors import Unreachable


@pytest.fixture(params=[True, False], ids=["packed", "json"])
def packs(request) -> bool:
    return request.param


@pytest.fixture
def run_id(server) -> str:
    return server.store.create_run("0", run_name="first").info.run_id


def journals(server) -> list[str]:
    return journal.names(places.directory_of(server.url))


def eventually(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def log_steps(store, run_id: str, steps: range, key: str = "m") -> None:
    writer = store.metric_writer()
    for step in steps:
        writer.log(run_id, key, step / 2, step, step)


# -- metrics ---------------------------------------------------------------------------------------


def test_points_go_in_few_batches_of_a_size_that_the_server_takes(server, store, run_id):
    log_steps(store, run_id, range(2500))
    store.metric_writer().log_many(run_id, {"a": 1.0, "b": 2.0}, 1, 0)
    store.metric_writer().flush()
    assert server.steps(run_id, "m") == list(range(2500))
    assert server.store.get_run(run_id).data.metrics == {"m": 1249.5, "a": 1.0, "b": 2.0}
    if server.packs:
        sent = [packed_points.unpack(seen.body)[1] for seen in server.sent_points()]
        counts = [sum(map(len, series.values())) // 24 for series in sent]
    else:
        counts = [len(seen.json["metrics"]) for seen in server.sent_points()]
        assert max(counts) <= 1000
    assert sum(counts) == 2502
    assert len(counts) < 10


def test_points_arrive_while_the_run_goes_on(server, store, run_id):
    log_steps(store, run_id, range(3))
    eventually(lambda: server.steps(run_id, "m") == [0, 1, 2])


def test_points_wait_for_a_server_that_is_down_and_then_arrive_by_themselves(
    server, store, run_id, caplog
):
    log_steps(store, run_id, range(10))
    store.metric_writer().flush()
    server.down()
    log_steps(store, run_id, range(10, 20))
    eventually(lambda: store.metric_writer().is_cut_off)
    log_steps(store, run_id, range(20, 30))
    server.up()
    eventually(lambda: len(server.steps(run_id, "m")) == 30)
    assert server.steps(run_id, "m") == list(range(30))
    warnings = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert len([text for text in warnings if "Nothing is lost" in text]) == 1
    eventually(lambda: any("is back" in record.message for record in caplog.records))


def test_a_server_that_goes_up_and_down_gets_everything_once(server, store, run_id):
    writer = store.metric_writer()
    for part in range(10):
        log_steps(store, run_id, range(part * 50, part * 50 + 50))
        if part % 2:
            server.up()
        else:
            server.down()
        try:
            writer.deliver()
        except Unreachable:
            assert not part % 2
    store.close()
    assert server.steps(run_id, "m") == list(range(500))
    assert journals(server) == []


def test_answers_that_are_lost_double_nothing(server, store, run_id, fault):
    losses = iter(range(10**6))
    server.fault = lambda seen: (
        fault(drop=True, before=False) if server.is_of_points(seen) and next(losses) % 3 else None
    )
    for start in (0, 1500):
        log_steps(store, run_id, range(start, start + 1500))
        store.metric_writer().deliver_patiently()
    assert server.steps(run_id, "m") == list(range(3000))
    assert len(server.sent_points()) > 2


def test_a_batch_whose_answers_are_lost_is_kept_once_even_if_it_ends_in_the_journal(
    server, store, run_id, fault
):
    points = [Metric("m", 1.0, 1, step) for step in range(10)]
    server.fault = lambda _: fault(drop=True, before=False)
    store.log_batch(run_id, metrics=points)
    assert journals(server)
    server.fault = lambda _: None
    store.log_batch(run_id, metrics=[Metric("m", 1.0, 1, 10), points[0]])
    assert server.steps(run_id, "m") == list(range(11))


def test_batches_of_many_threads_are_all_kept(server, store, run_id):
    def work(thread: int) -> None:
        for step in range(20):
            store.log_batch(run_id, metrics=[Metric(f"m{thread}", 1.0, 1, step)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    for thread in range(8):
        assert server.steps(run_id, f"m{thread}") == list(range(20))


def test_of_points_that_are_all_alike_one_is_kept(server, store, run_id):
    for _ in range(5):
        store.metric_writer().log(run_id, "m", 1.0, 1, 0)
    store.metric_writer().flush()
    assert server.steps(run_id, "m") == [0]


def test_what_was_acknowledged_but_not_noted_is_sent_as_the_same_batches(
    server, store, run_id, tmp_path
):
    log_steps(store, run_id, range(1800))
    log_steps(store, run_id, range(300), "other")
    writer = store.metric_writer()
    directory = places.directory_of(server.url)
    (name,) = journals(server)
    writer.deliver()
    first = [(seen.headers[BATCH_HEADER.lower()], seen.body) for seen in server.sent_points()]
    # As if the process had died between the answer and the note of it.
    start, end = len(journal.MAGIC), int((directory / f"{name}.sent").read_text().split()[0])
    form = " packed" if server.packs else ""
    (directory / f"{name}.sent").write_text(f"{start} {end}{form}")
    log_steps(store, run_id, range(1800, 1900))
    server.seen.clear()
    Outbox(connect(server.url, HttpConfig(retries=0)), directory).one(name)
    again = [(seen.headers[BATCH_HEADER.lower()], seen.body) for seen in server.sent_points()]
    assert again[: len(first)] == first
    assert server.steps(run_id, "m") == list(range(1900))
    assert server.steps(run_id, "other") == list(range(300))


def test_a_server_that_packs_no_more_gets_the_rest_as_json(server, store, run_id):
    log_steps(store, run_id, range(10))
    store.metric_writer().deliver()
    if server.packs:
        server.pack_no_more()
    log_steps(store, run_id, range(10, 20))
    store.metric_writer().deliver()
    assert server.steps(run_id, "m") == list(range(20))
    assert server.calls("/runs/log-batch")
    assert journals(server)


def test_a_part_that_was_begun_in_one_form_is_ended_in_it(server, store, run_id):
    log_steps(store, run_id, range(1800))
    store.metric_writer().deliver()
    (name,) = journals(server)
    directory = places.directory_of(server.url)
    end = int((directory / f"{name}.sent").read_text().split()[0])
    # As if an older server, that has packed nothing yet, was replaced by a newer one meanwhile.
    (directory / f"{name}.sent").write_text(f"{len(journal.MAGIC)} {end}")
    server.seen.clear()
    Outbox(connect(server.url, HttpConfig(retries=0)), directory).one(name)
    assert len(server.calls("/runs/log-batch")) == 2
    assert not server.calls(packed_points.PATH)


def test_what_the_server_refuses_for_good_is_set_aside_and_the_rest_goes_on(
    server, store, run_id, caplog
):
    gone = server.store.create_run("0").info.run_id
    writer = store.metric_writer()
    writer.log(gone, "m", 1.0, 1, 0)
    log_steps(store, run_id, range(5))
    server.store.delete_run(gone)
    writer.flush()
    assert server.steps(run_id, "m") == list(range(5))
    refused = places.directory_of(server.url) / "refused.jsonl"
    assert gone in refused.read_text()
    assert "set aside" in caplog.text
    assert any("refused" in what for what, _ in store.faults())


def test_a_run_that_cannot_be_checked_now_is_taken_on_trust(server, store, run_id):
    server.down()
    log_steps(store, run_id, range(3))
    server.up()
    store.metric_writer().deliver()
    assert server.steps(run_id, "m") == [0, 1, 2]
    with pytest.raises(NotFound):
        log_steps(store, "0" * 32, range(1))


def test_reading_raises_when_the_server_is_down(server, store, run_id):
    log_steps(store, run_id, range(3))
    server.down()
    for read in (
        lambda: store.get_run(run_id),
        lambda: store.search_runs(["0"]),
        lambda: store.metric_history(run_id, "m"),
    ):
        with pytest.raises(Unreachable):
            read()


# -- other changes ---------------------------------------------------------------------------------


def test_params_tags_and_inputs_wait_in_the_journal_too_in_order(server, store, run_id):
    store.get_run(run_id)
    server.down()
    log_steps(store, run_id, range(2))
    store.log_batch(run_id, params=[Param("p", "1")], tags=[RunTag("t", "1")])
    store.log_inputs(run_id, [DatasetInput(Dataset("iris", "d1", "local", "{}"))])
    store.log_batch(run_id, metrics=[Metric("m", 7.0, 7, 2)], tags=[RunTag("t", "2")])
    log_steps(store, run_id, range(3, 5))
    info = store.update_run(run_id, status=RunStatus.FINISHED, end_time=2000)
    assert (info.status, info.end_time) == (RunStatus.FINISHED, 2000)
    server.up()
    store.metric_writer().deliver()
    run = server.store.get_run(run_id)
    assert (run.data.params, run.data.tags["t"]) == ({"p": "1"}, "2")
    assert (run.info.status, run.info.end_time) == (RunStatus.FINISHED, 2000)
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["iris"]
    assert server.steps(run_id, "m") == list(range(5))


def test_what_waits_is_not_overtaken_by_what_comes_later(server, store, run_id):
    server.down()
    store.log_batch(run_id, tags=[RunTag("t", "old")])
    server.up()
    store.log_batch(run_id, tags=[RunTag("t", "new")])
    assert server.store.get_run(run_id).data.tags["t"] == "new"
    store.metric_writer().deliver()
    assert server.store.get_run(run_id).data.tags["t"] == "new"


def test_after_the_first_trouble_a_call_does_not_wait_for_all_retries(server, open_store, run_id):
    store = open_store(backoff_seconds=0.2)
    server.down()
    started = time.monotonic()
    for number in range(20):
        store.log_batch(run_id, params=[Param(f"p{number}", "1")])
    # Once 0.2 + 0.4 s and jitter, not twenty times.
    assert time.monotonic() - started < 5
    server.up()
    store.metric_writer().deliver()
    assert len(server.store.get_run(run_id).data.params) == 20


def test_what_the_server_refuses_at_once_is_raised_at_once(server, store, run_id):
    store.log_batch(run_id, params=[Param("p", "1")])
    with pytest.raises(InvalidValue, match="p"):
        store.log_batch(run_id, params=[Param("p", "2")])
    server.store.delete_run(run_id)
    with pytest.raises(InvalidState):
        store.log_batch(run_id, params=[Param("q", "1")])
    assert journals(server) == []


def test_what_needs_an_answer_is_not_put_off(server, store, run_id):
    server.down()
    for change in (
        lambda: store.create_experiment("new"),
        lambda: store.create_run("0"),
        lambda: store.delete_run(run_id),
        lambda: store.delete_tag(run_id, "t"),
        lambda: store.rename_experiment("0", "new"),
        lambda: store.set_experiment_tags("0", {"a": "1"}),
    ):
        with pytest.raises(Unreachable):
            change()
    server.up()
    assert server.store.get_run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE


def test_a_run_whose_answer_was_lost_is_created_once(server, store, fault):
    server.fault = lambda seen: (
        fault(drop=True, before=False) if seen.path.endswith("runs/create") else None
    )
    run = store.create_run("0", run_name="only", tags={"a": "1"})
    assert [found.info.run_id for found in server.store.search_runs(["0"])] == [run.info.run_id]
    assert (run.info.run_name, run.data.tags["a"]) == ("only", "1")


# -- the end ---------------------------------------------------------------------------------------


def test_the_end_of_a_run_gives_up_waiting_and_says_what_to_do(server, open_store, run_id, caplog):
    store = open_store(journal_wait_seconds=0.3)
    store.get_run(run_id)
    server.down()
    log_steps(store, run_id, range(5))
    started = time.monotonic()
    store.metric_writer().flush()
    assert 0.3 <= time.monotonic() - started < 20
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=1)
    before = time.monotonic()
    store.close()
    assert time.monotonic() - before < 5
    assert caplog.text.count("pegboard sync") == 1
    assert len(journals(server)) == 1
    assert any("pegboard sync" in hint for _, hint in store.faults())


def test_a_closed_store_logs_no_more(server, store, run_id):
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.metric_writer().log(run_id, "m", 1.0, 1, 0)


def test_a_server_that_wants_to_know_who_we_are_is_not_waited_for(server, store, run_id, fault):
    log_steps(store, run_id, range(5))
    server.fault = lambda _: fault(401)
    with pytest.raises(StoreError, match="asks for a login"):
        store.metric_writer().flush()
    server.fault = lambda _: None
    store.metric_writer().flush()
    assert server.steps(run_id, "m") == list(range(5))


def test_a_message_survives_the_journal():
    message = Message("runs/log-batch", {"run_id": "ü", "tags": [{"key": "a", "value": "\n"}]})
    assert Message.unpacked(message.packed()) == message
