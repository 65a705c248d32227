"""Tracing of the anthropic library keeps the contract of autologgers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pegboard
import pytest
from anthropic import Anthropic, AsyncAnthropic
from pegboard_testing.autologgers import Autologged, AutologgerContract

ASK: Any = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "How far?"}],
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "3 km"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 1},
}


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
