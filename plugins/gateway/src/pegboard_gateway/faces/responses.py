"""The routes of OpenAI's Responses API: creating one, whole or streamed."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.contracts.llm import Json
from pegboard_wire.http import Call, Endpoint

from pegboard_gateway.faces import asking, bodies, errors, openai
from pegboard_gateway.faces import response_items as items
from pegboard_gateway.faces.response_events import ResponseWriter


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    handle = asking.handler(_read, errors.openai, "responses")
    return [
        openai.face(f"{prefix}responses", handle, "Answer a conversation.")
        for prefix in openai.PREFIXES
    ]


def _read(_: Call, body: Json) -> asking.Question:
    name = bodies.endpoint_name(body)
    return asking.Question(
        name,
        items.read(body),
        lambda found: items.answer(found, items.skeleton(body, name)),
        lambda: ResponseWriter(items.skeleton(body, name)),
    )
