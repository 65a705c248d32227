"""Tracing of LlamaIndex keeps the contract of autologgers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pegboard
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI
from pegboard_testing.autologgers import Autologged, AutologgerContract
from pegboard_testing.llm_server import KEY, FakeOpenAI


class TestLlamaIndex(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Iterator[Autologged]:
        with FakeOpenAI() as server:
            messages = [ChatMessage("How far?", role="user")]

            def model() -> OpenAI:
                return OpenAI("gpt-4o-mini", api_base=server.url, api_key=KEY, max_retries=0)

            def ask() -> Any:
                return model().chat(messages).message.content

            async def ask_later() -> Any:
                return (await model().achat(messages)).message.content

            yield Autologged(pegboard.llama_index.autolog, ask, ask_later)
