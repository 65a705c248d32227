"""Traces that journals bring, many at once, are kept as if each had been recorded alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from pegboard.config import Config
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import Trace
from pegboard.host import Host
from pegboard_stores.abilities import SpanJournal
from pegboard_stores.traces import records

USED = {"mlflow.chat.tokenUsage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
MODEL = {"mlflow.llm.model": "m", "mlflow.llm.cost": {"input_cost": 0.5, "total_cost": 0.5}}
SAID = {"mlflow.spanInputs": {"q": "caf\u00e9"}, "mlflow.spanOutputs": ["x" * 2000]}
NAMES = "mlflow.traceName"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Any]:
    host = Host(Config())
    yield [host.tracking_store(f"sqlite:{tmp_path}/{name}.db") for name in ("journaled", "direct")]
    host.close()


def span(trace: int, number: int, parent: int | None = None, **given: Any) -> list[Any]:
    above = None if parent is None else f"{parent:016x}"
    end = given.pop("end", 9_000_000 + number)
    attributes = given.pop("attributes", {})
    status = given.pop("status", "OK")
    head = ["s", given.pop("experiment", "0"), f"tr-{trace:032x}", f"{number:016x}", above]
    events = [["e", 5, {"k": "v"}]] if number % 2 else []
    return [*head, f"n{number}", 1_000_000 * number, end, status, "", attributes, events, []]


def outline(trace: int, state: str = "OK", **given: Any) -> list[Any]:
    told = {"mlflow.user": "me", **given.get("metadata", {})}
    tags = {NAMES: f"trace {trace}", **given.get("tags", {})}
    shown = given.get("shown", [None, None])
    return ["t", "0", f"tr-{trace:032x}", 100 + trace, 7, state, "asked", *shown, told, tags]


FIRST = [
    span(1, 1, attributes={**SAID, "mlflow.traceTag.by": "span", "session.id": "s"}),
    span(1, 2, 1, attributes={**USED, **MODEL}),
    span(1, 3, 2, attributes=USED),
    outline(1, metadata={"mlflow.trace.session": "told"}, shown=["asked", None]),
    # Only spans, of which one is written twice; only an outline; open so far.
    span(2, 4, end=None),
    span(2, 4, status="ERROR", attributes=SAID),
    outline(3, tags={"mlflow.linkedPrompts": json.dumps([{"name": "p", "version": "2"}])}),
    span(4, 5, end=None),
    span(4, 6, 5, attributes={**USED, "user.id": "u"}),
    outline(4, "IN_PROGRESS"),
    # What is too long is cut, with a warning; of an experiment that is not there.
    outline(5, tags={"long": "x" * 70_000}),
    span(6, 7, experiment="77"),
]
SECOND = [
    span(4, 5, attributes=SAID),
    span(4, 8, 5, attributes=USED),
    outline(4, tags={"more": "so"}),
    span(1, 9, 1, attributes=USED),
    span(7, 10),
]


def record(traces: TraceStore, lines: list[list[Any]]) -> None:
    for experiment, found in records.read(packed(lines), str).items():
        if experiment == "0":
            for trace_id in found.trace_ids():
                own = found.of_trace(trace_id)
                traces.log_spans(experiment, list(own.spans.values()))
                for info in own.infos.values():
                    traces.start(info)


def packed(lines: list[list[Any]]) -> list[bytes]:
    return [json.dumps(line).encode() for line in lines]


@pytest.mark.filterwarnings("ignore:The value of tag 'long' has:UserWarning")
def test_they_are_kept_as_if_each_came_alone(stores: Any, caplog: Any) -> None:
    journaled, direct = stores
    writer = journaled.metric_writer()
    assert isinstance(writer, SpanJournal)
    ids = [f"tr-{number:032x}" for number in range(1, 8)]
    for lines in (FIRST, SECOND):
        for line in packed(lines):
            writer.log_spans(line)
        record(direct.traces(), lines)
        assert shown(journaled, ids) == shown(direct, ids)
    assert [trace.info.trace_id for trace in journaled.traces().traces(ids)] == ids[:5] + ids[6:]
    [said] = [each.getMessage() for each in caplog.records if "could not be kept" in each.message]
    assert ids[5] in said
    for where in ("prompt = 'p/2'", "tag.by = 'span'", "metadata.`mlflow.trace.session` = 'told'"):
        found = [
            [info.trace_id for info in store.traces().search(["0"], filter=where)]
            for store in stores
        ]
        assert found[0] == found[1]
        assert len(found[0]) == 1


def shown(store: Any, ids: list[str]) -> list[Any]:
    return [
        (attrs.asdict(own(trace).info), [attrs.asdict(span) for span in trace.spans])
        for trace in store.traces().traces(ids)
    ]


def own(trace: Trace) -> Trace:
    """Return a trace without the place of its files, in which the store's own path is."""
    tags = {key: v for key, v in trace.info.tags.items() if key != "mlflow.artifactLocation"}
    assert len(tags) < len(trace.info.tags)
    return Trace(attrs.evolve(trace.info, tags=tags), trace.spans)


def test_a_span_that_cannot_be_read_does_not_hold_up_the_others(stores: Any, caplog: Any) -> None:
    store, _ = stores
    depth = 20 * sys.getrecursionlimit()
    deep = b'["s","0","tr-1","1",null,"n",1,2,"OK","",{"a":%s%s},[],[]]'
    store.metric_writer().log_spans(deep % (b"[" * depth, b"]" * depth))
    store.metric_writer().log_spans(packed([span(1, 1)])[0])
    assert len(store.traces().get(f"tr-{1:032x}").spans) == 1
    assert "could not be read" in caplog.text
