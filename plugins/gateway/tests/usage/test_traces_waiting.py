"""Traces that wait for a slow store take a bounded part of the memory."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pegboard.contracts.llm import Task
from pegboard.errors import StoreError
from pegboard_gateway.entities import Asked, Outcome, UsageRecord
from pegboard_gateway.settings import Trace
from pegboard_gateway.usage.traces import MOST_BYTES, Tracer


def record() -> UsageRecord:
    return UsageRecord(
        id="r", started_ms=0, endpoint="e", task=Task.CHAT, face="openai",
        outcome=Outcome.DONE, status=200,
    )  # fmt: skip


def test_long_requests_do_not_fill_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    began, go_on = threading.Event(), threading.Event()
    opened: list[int] = []

    def slow() -> Any:
        opened.append(1)
        began.set()
        go_on.wait(30)
        raise StoreError("The store is down.")

    tracer = Tracer(slow)
    half = {"content-length": str(MOST_BYTES // 2)}
    asked = Asked("e", Task.CHAT, {}, headers=half)
    tracer.add(Trace("x"), record(), asked, None)
    assert began.wait(30)
    for _ in range(10):
        tracer.add(Trace("x"), record(), asked, None)
    go_on.set()
    tracer.close()
    # The one that was being written, and one that waited.
    assert len(opened) == 2
    assert "some are lost" in caplog.text
