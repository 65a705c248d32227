"""Tracing of the google-genai library keeps the contract of autologgers."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard_testing.autologgers import Autologged, AutologgerContract

cases = runpy.run_path(str(Path(__file__).parent / "cases.py"))
ASK: Any = {"model": cases["MODEL"], "contents": "How far?"}


class TestGemini(AutologgerContract):
    @pytest.fixture
    def autologged(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Autologged]:
        # It insists on the header that says within which span a request is.
        answer = cases["Gemini"].do_POST

        def do_post(handler: Any) -> None:
            if "traceparent" not in handler.headers:
                handler.headers["traceparent"] = "none"
            answer(handler)

        monkeypatch.setattr(cases["Gemini"], "do_POST", do_post)
        with cases["client"]() as client:

            async def ask_later() -> Any:
                return (await client.aio.models.generate_content(**ASK)).text

            def ask() -> Any:
                return client.models.generate_content(**ASK).text

            yield Autologged(pegboard.gemini.autolog, ask, ask_later)
