"""Guards of a host that knows the ones that are shipped, and what they are tried on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

from pegboard import config
from pegboard.contracts.llm import Json, LLMError, Task
from pegboard.host import Host
from pegboard_gateway.control.contract import Guard
from pegboard_gateway.control.guardrails import Setting, guard_of
from pegboard_gateway.entities import Asked, Caller
from pegboard_gateway.settings import Guardrail


@functools.cache
def known_host() -> Host:
    """Return the host that knows the guardrails; it is only asked for these."""
    return Host(config.Config())


async def nobody(endpoint: str, prompt: str, caller: Caller) -> str:
    raise AssertionError("nobody is asked")


def guard(use: str, stage: str = "both", action: str = "rewrite", **options: Any) -> Guard:
    table = Guardrail(use, stage, action, options)
    made = guard_of(known_host(), [table], Setting("chat", options.pop("ask", nobody)))
    assert made is not None
    return made


def asked(content: Any, **body: Any) -> Asked:
    return Asked("chat", Task.CHAT, {"messages": [{"role": "user", "content": content}], **body})


def run(soon: Any) -> Any:
    async def wait() -> Any:
        return await soon if isawaitable(soon) else soon

    return asyncio.run(wait())


def chunks(texts: Sequence[str]) -> list[Json]:
    first: list[Json] = [{"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}]
    said = [{"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"id": "c", "choices": [], "usage": {"total_tokens": 3}}
    return [*first, *said, last, usage]


async def streamed(guard: Guard, events: Sequence[Json]) -> list[Json]:
    watching = guard.stream(asked(""))
    assert watching is not None
    found: list[Json] = []
    for event in events:
        soon = watching.feed([event])
        found += await soon if isawaitable(soon) else soon
    soon = watching.end()
    return [*found, *(await soon if isawaitable(soon) else soon)]


def said(events: Sequence[Json]) -> str:
    parts = [choice["delta"].get("content") or "" for e in events for choice in e["choices"]]
    return "".join(parts)


def answer_of(text: str) -> Json:
    return {"choices": [{"message": {"content": text}}]}


class Judge:
    def __init__(self, *answers: str | LLMError) -> None:
        self.answers, self.prompts = list(answers), list[str]()

    async def __call__(self, endpoint: str, prompt: str, caller: Caller) -> str:
        assert endpoint == "judge"
        self.prompts.append(prompt)
        found = self.answers.pop(0)
        if isinstance(found, LLMError):
            raise found
        return found


def judged(judge: Any, stage: str, action: str, **options: Any) -> Guard:
    table = Guardrail("judge", stage, action, {"endpoint": "judge", **options})
    made = guard_of(known_host(), [table], Setting("chat", judge))
    assert made is not None
    return made
