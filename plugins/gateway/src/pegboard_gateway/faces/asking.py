"""A call of a face that is not OpenAI's own: read, asked in the standard form, and written back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from pegboard.contracts.llm import Json, LLMError, Task
from pegboard_llm.prompts import VARIABLES, VERSION
from pegboard_wire.http import Call, Result

from pegboard_gateway.faces import bodies, costs, errors, openai
from pegboard_gateway.path import Events, Writer

_SAID = {"anthropic": "messages", "gemini": "contents", "responses": "input"}
"""The field that says what was said."""


@frozen
class Question:
    """What a client asks, in the standard form, and how it is answered."""

    endpoint: str
    body: Json
    """OpenAI's body of a chat completion, with ``stream``."""
    answer: Callable[[Json], Json]
    """Returns the face's form of OpenAI's answer."""
    writer: Callable[[], Writer]
    media_type: str = "text/event-stream"


def handler(
    read: Callable[[Call, Json], Question], form: errors.Form, face: str
) -> Callable[[Call], Any]:
    """Return what answers the calls of a face; ``read`` returns what a body asks for."""

    async def handle(call: Call) -> Result:
        try:
            body = await bodies.taken(call.content)
            # Fields of ours, which the face's own API does not have.
            ours = {key: body.pop(key) for key in (VARIABLES, VERSION) if key in body}
            if ours:
                # The prompt may say all.
                body.setdefault(_SAID[face], [])
            question = read(call, body)
            asked = {**question.body, **ours}
            found = await openai.ask(
                call, question.endpoint, Task.CHAT, asked, face, question.answer
            )
        except LLMError as error:
            return errors.answer(error, form)
        if isinstance(found, Events):
            content = found.written(question.writer())
            return openai.streamed(found, content, question.media_type)
        return costs.result(found)

    return handle
