"""Tracing of Pydantic AI keeps the contract of autologgers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pegboard
import pytest
from openai import AsyncOpenAI
from pegboard_testing.autologgers import Autologged, AutologgerContract
from pegboard_testing.llm_server import KEY, FakeOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class TestPydanticAI(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Iterator[Autologged]:
        with FakeOpenAI() as server:

            async def ask_later() -> Any:
                async with AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
                    model = OpenAIChatModel(
                        "gpt-4o-mini", provider=OpenAIProvider(openai_client=client)
                    )
                    return (await Agent(model, name="guide").run("How far?")).output

            yield Autologged(
                pegboard.pydantic_ai.autolog, lambda: asyncio.run(ask_later()), ask_later
            )
