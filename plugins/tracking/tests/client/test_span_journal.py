"""Spans on their way through the journal to a server."""

from __future__ import annotations

import json

from pegboard_tracking.client import places
from pegboard_tracking.client.outbox import REFUSED_FILE
from pegboard_tracking.points import journal


def trace_id(number: int) -> str:
    return f"tr-{number:032x}"


def span(number: int, name: str, experiment: object = "0", parent: str | None = None) -> list:
    ids = (trace_id(number), f"{len(name):016x}")
    times = (1_000_000_000, 2_000_000_000)
    return ["s", experiment, *ids, parent, name, *times, "OK", "", {"k": [1, None]}, [], []]


def outline(number: int, experiment: object = "0") -> list:
    fields = (1000, 1000, "OK", None, "asked", "answered", {"m": "1"}, {"t": "2"})
    return ["t", experiment, trace_id(number), *fields]


def lines(*records: list) -> bytes:
    return "\n".join(json.dumps(record) for record in records).encode()


def test_spans_and_outlines_arrive_in_few_requests(server, store) -> None:
    writer = store.metric_writer()
    for number in range(1, 31):
        writer.log_spans(lines(span(number, "root"), outline(number)))
        writer.log_spans(lines(span(number, "child", parent=f"{4:016x}")))
    writer.flush()
    assert len(server.calls("/v1/traces")) == 1
    found = server.store.traces().get(trace_id(7))
    assert [(each.name, each.parent_id) for each in found.spans] == [
        ("root", None),
        ("child", f"{4:016x}"),
    ]
    assert found.spans[0].attributes == {"k": [1, None]}
    assert (found.info.tags["t"], found.info.trace_metadata["m"]) == ("2", "1")
    assert found.info.request_preview == "asked"


def test_what_was_traced_while_the_server_was_down_arrives_later(server, store) -> None:
    server.down()
    writer = store.metric_writer()
    writer.log_spans(lines(span(1, "root", ["made later"]), outline(1, ["made later"])))
    [name] = journal.names(places.directory_of(server.url))
    assert not server.calls("/v1/traces")
    server.up()
    writer.flush()
    found = server.store.traces().get(trace_id(1))
    made = server.store.get_experiment_by_name("made later")
    assert found.info.experiment_id == made.experiment_id
    assert name in journal.names(places.directory_of(server.url))


def test_a_trace_that_the_server_refuses_does_not_hold_up_others(server, store) -> None:
    writer = store.metric_writer()
    writer.log_spans(lines(span(1, "of nothing", "4711")))
    writer.log_spans(lines(span(2, "root")))
    writer.flush()
    assert server.store.traces().get(trace_id(2)).spans
    refused = (places.directory_of(server.url) / REFUSED_FILE).read_text()
    assert "of nothing" in refused


def test_what_is_said_of_a_trace_of_another_process_arrives(server, store) -> None:
    writer = store.metric_writer()
    said = ["n", "0", trace_id(1), {"a/b": "ü"}, {"m": "1"}]
    writer.log_spans(lines(span(1, "served", parent=f"{4:016x}"), said))
    # Nobody knows this one, and it holds up nothing.
    writer.log_spans(lines(["n", "0", trace_id(2), {"c": "1"}, {}], span(3, "root")))
    writer.flush()
    traces = server.store.traces()
    assert traces.get(trace_id(1)).info.tags["a/b"] == "ü"
    assert [each.trace_id for each in traces.infos([trace_id(2), trace_id(3)])] == [trace_id(3)]
