"""What is kept of traces whose process dies, or that never end, or whose server is away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pegboard
import pytest
from pegboard_tracing import tracer
from pegboard_tracing.entities.traces import Trace

KILLED = """
import os, pegboard
from pegboard_tracing import tracer

@pegboard.trace
def whole(x):
    return x

whole(1)
root = pegboard.start_span_no_context("never ends", inputs={"q": 1}, tags={"t": "1"})
for number in range(3):
    pegboard.start_span_no_context(f"ended {number}", parent_span=root).end(outputs=number)
pegboard.start_span_no_context("open", parent_span=root)
tracer.write_open(2**62)
with pegboard.start_span("too young to be written"):
    with pegboard.start_span("but this ended"):
        pass
    os.kill(os.getpid(), 9)
"""


def names(trace: Trace) -> list[tuple[str, bool]]:
    return [(span.name, span.end_time_ns is not None) for span in trace.data.spans]


def test_what_ended_survives_the_death_of_its_process(store: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=os.environ)
    assert done.returncode == -9
    traces = pegboard.search_traces(order_by=["timestamp ASC"], return_type="list")
    whole, endless, young = sorted(traces, key=lambda trace: trace.data.spans[0].start_time_ns)
    assert (whole.info.state, names(whole)) == ("OK", [("whole", True)])
    assert (endless.info.state, endless.info.tags["t"]) == ("IN_PROGRESS", "1")
    assert names(endless) == [
        ("never ends", False),
        *((f"ended {number}", True) for number in range(3)),
        ("open", False),
    ]
    assert endless.info.request_preview == '{"q": 1}'
    assert (young.info.state, names(young)) == ("IN_PROGRESS", [("but this ended", True)])


def test_thousands_of_open_spans_are_written_once_and_end_as_usual() -> None:
    root = pegboard.start_span_no_context("root")
    open_spans = [pegboard.start_span_no_context(f"{n}", parent_span=root) for n in range(2000)]
    tracer.write_open(time.time_ns())
    found = pegboard.get_trace(root.trace_id)
    assert found is not None
    assert (found.info.state, len(found.data.spans)) == ("IN_PROGRESS", 2001)
    for span in open_spans:
        span.end()
    root.end()
    found = pegboard.get_trace(root.trace_id)
    assert found is not None
    assert found.info.state == "OK"
    assert all(is_over for _, is_over in names(found))
    assert not tracer.find(root.trace_id)


AWAY = """
import pegboard

@pegboard.trace
def answer(x):
    return x + 1

assert [answer(n) for n in range(3)] == [1, 2, 3]
"""


def test_a_server_that_is_down_is_not_even_asked(store: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        # Nobody listens at the port for discarding.
        "PEGBOARD_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_EXPERIMENT_NAME": "somewhere",
        "PEGBOARD_TRACKING_JOURNAL_WAIT_SECONDS": "0",
        "PEGBOARD_TRACKING_SENDER": "off",
        "PEGBOARD_HTTP_RETRIES": "0",
    }
    subprocess.run([sys.executable, "-c", AWAY], cwd=tmp_path, env=environment, check=True)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("state/**/*.log"))
    assert written.count(b'["s",["somewhere"],') == 3
    assert written.count(b'["t",["somewhere"],') == 3


def test_a_store_that_cannot_be_opened_is_no_error_of_who_is_traced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pegboard.set_tracking_uri("sqlite:/proc/no/such/place.db")

    @pegboard.trace
    def answer(x: int) -> int:
        return x + 1

    assert answer(1) == 2
    assert "could not begin" in caplog.text
