"""Tracing of the anthropic library keeps the contract of autologgers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pegboard
import pytest
from anthropic import Anthropic, AsyncAnthropic
from pegboard_testing.autologgers import Autologged, AutologgerContract

from .messages import ASK, MESSAGE


class TestAnthropic(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Autologged:
        def answer(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, json=MESSAGE)

        async def answer_later(_: httpx2.Request) -> httpx2.Response:
            await asyncio.sleep(0.01)
            return httpx2.Response(200, json=MESSAGE)

        def ask() -> Any:
            http = httpx2.Client(transport=httpx2.MockTransport(answer))
            with Anthropic(api_key="key", http_client=http) as client:
                return client.messages.create(**ASK).content[0].text

        async def ask_later() -> Any:
            http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer_later))
            async with AsyncAnthropic(api_key="key", http_client=http) as client:
                return (await client.messages.create(**ASK)).content[0].text

        return Autologged(pegboard.anthropic.autolog, ask, ask_later)
