"""Tracing of LangChain keeps the contract of autologgers."""

from __future__ import annotations

import asyncio
from typing import Any

import pegboard
import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from pegboard_testing.autologgers import Autologged, AutologgerContract


class TestLangChain(AutologgerContract):
    @pytest.fixture
    def autologged(self) -> Autologged:
        model = FakeListChatModel(responses=["3 km"])

        async def waited(question: str) -> str:
            await asyncio.sleep(0.01)
            return question

        chain: Any = RunnableLambda(lambda question: question, afunc=waited) | model

        async def ask_later() -> Any:
            return (await chain.ainvoke("How far?")).content

        return Autologged(
            pegboard.langchain.autolog, lambda: chain.invoke("How far?").content, ask_later
        )
