"""Tracing of DSPy keeps the contract of autologgers."""

from __future__ import annotations

from typing import Any

import dspy
import pegboard
import pytest
from dspy.utils import DummyLM
from pegboard_testing.autologgers import Autologged, AutologgerContract


class TestDSPy(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Autologged:
        predict = dspy.Predict("question -> answer")
        lm = DummyLM({"How far?": {"answer": "3 km"}})

        def ask() -> Any:
            with dspy.context(lm=lm):
                return predict(question="How far?").answer

        async def ask_later() -> Any:
            with dspy.context(lm=lm):
                return (await predict.acall(question="How far?")).answer

        return Autologged(pegboard.dspy.autolog, ask, ask_later)
