"""Tracing of the openai library keeps the contract of autologgers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pegboard
import pytest
from openai import AsyncOpenAI, OpenAI
from pegboard_testing.autologgers import Autologged, AutologgerContract
from pegboard_testing.llm_server import KEY, FakeOpenAI

ASK: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How far?"}]}


class TestOpenAI(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Iterator[Autologged]:
        with FakeOpenAI() as server:
            given: Any = {"base_url": server.url, "api_key": KEY, "max_retries": 0}

            def ask() -> Any:
                with OpenAI(**given) as client:
                    return client.chat.completions.create(**ASK).choices[0].message.content

            async def ask_later() -> Any:
                async with AsyncOpenAI(**given) as client:
                    answer = await client.chat.completions.create(**ASK)
                    return answer.choices[0].message.content

            yield Autologged(pegboard.openai.autolog, ask, ask_later)
