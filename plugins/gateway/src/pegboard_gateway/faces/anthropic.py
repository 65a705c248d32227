"""The routes of Anthropic's API: messages, and counting what one would take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task
from pegboard_llm import checks, estimate
from pegboard_wire.http import Call, Endpoint, Result

from pegboard_gateway import service
from pegboard_gateway.faces import asking, bodies, errors, messages, openai
from pegboard_gateway.faces.messages_events import MessageWriter
from pegboard_gateway.path.faults import no_endpoint

PREFIXES = ("/anthropic/v1/", "/gateway/anthropic/v1/")


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    handle = asking.handler(_read, errors.anthropic, "anthropic")
    return [
        route
        for prefix in PREFIXES
        for route in (
            openai.face(f"{prefix}messages", handle, "Answer a conversation."),
            openai.face(
                f"{prefix}messages/count_tokens",
                _count,
                "Estimate the tokens of a conversation.",
                {},
            ),
        )
    ]


def _read(_: Call, body: Json) -> asking.Question:
    name = bodies.endpoint_name(body)
    made = messages.read(body)
    return asking.Question(
        name,
        made,
        lambda found: messages.answer(found, name),
        # Asked once the body has been checked.
        lambda: MessageWriter(name, _tokens(made)),
    )


async def _count(call: Call) -> Result:
    """Return an estimate: no vendor is asked."""
    try:
        gateway = service.of(call.host)
        body = await bodies.taken(call.content)
        name = bodies.endpoint_name(body)
        caller = gateway.callers.of(call, call.headers)
        gateway.calls.endpoint(name)
        if not gateway.callers.may_see(caller, name):
            raise no_endpoint(name)
        made = messages.read({"max_tokens": 1, **body})
        return {"input_tokens": _tokens(checks.checked(Task.CHAT, made).body)}
    except LLMError as error:
        return errors.answer(error, errors.anthropic)


def _tokens(body: Mapping[str, Any]) -> int:
    return estimate.prompt_tokens(LLMRequest(Task.CHAT, "", body))
