"""Traced calls of the google-genai library: MLflow's spans, and callers who notice nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
from pathlib import Path
from typing import Any

import pegboard
import pytest
from google.genai import types
from pegboard_gemini import calls
from pegboard_testing import span_tables

HERE = Path(__file__).parent
ASK: Any = {"model": "gemini-2.5-flash", "contents": "How far?"}
client = runpy.run_path(str(HERE / "cases.py"))["client"]


def test_spans_are_those_of_mlflow() -> None:
    made = span_tables.table(pegboard, HERE / "cases.py")
    expected = json.loads((HERE / "expected.json").read_text())
    assert made.keys() == expected.keys()
    for name, spans in expected.items():
        assert made[name] == spans, name


def test_calls_at_the_same_time_are_beside_one_another_and_have_their_cost() -> None:
    pegboard.gemini.autolog()

    async def both(made: Any) -> None:
        with pegboard.start_span("root"):
            asked = [made.aio.models.generate_content(**ASK) for _ in range(2)]
            await asyncio.gather(*asked)
            assert pegboard.get_current_active_span().name == "root"

    with client() as made:
        asyncio.run(both(made))
    spans = pegboard.get_trace(pegboard.get_last_active_trace_id()).data.spans
    names = {span.span_id: span.name for span in spans}
    assert [names.get(span.parent_id) for span in spans].count("root") == 2
    assert spans[1].get_attribute("mlflow.llm.cost")["total_cost"] > 0


def test_a_fault_of_tracing_is_one_warning_and_what_was_given_stays(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("odd")

    pegboard.gemini.autolog()
    monkeypatch.setattr(calls, "_usage", fail)
    config = types.GenerateContentConfig(temperature=0.5)
    with caplog.at_level(logging.WARNING, "pegboard"), client() as made:
        for _ in range(2):
            assert made.models.generate_content(**ASK, config=config).text == "3 km"
    [record] = [each for each in caplog.records if each.name == "pegboard"]
    assert "Autologging of gemini failed" in record.getMessage()
    assert config == types.GenerateContentConfig(temperature=0.5)
