"""Tracing of litellm keeps the contract of autologgers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import litellm
import pegboard
import pytest
from pegboard_testing.autologgers import Autologged, AutologgerContract
from pegboard_testing.llm_server import KEY, FakeOpenAI


class TestLitellm(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Iterator[Autologged]:
        with FakeOpenAI() as server:
            messages = [{"role": "user", "content": "How far?"}]
            given: Any = {"model": "openai/gpt-4o-mini", "messages": messages, "api_key": KEY}
            given["api_base"] = server.url

            def ask() -> Any:
                return litellm.completion(**given).choices[0].message.content

            async def ask_later() -> Any:
                return (await litellm.acompletion(**given)).choices[0].message.content

            yield Autologged(pegboard.litellm.autolog, ask, ask_later)
