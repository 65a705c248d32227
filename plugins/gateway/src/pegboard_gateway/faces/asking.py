"""A call of a face that is not OpenAI's own: read, asked in the standard form, and written back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from attrs import frozen
from pegboard.contracts.llm import Json, LLMError, Task
from pegboard_wire.http import Call, Result

from pegboard_gateway.faces import bodies, errors, openai
from pegboard_gateway.path import Events


class Writer(Protocol):
    """Writes a streamed answer in a face's form."""

    def begin(self) -> bytes:
        """Return what comes before the first event."""

    def feed(self, event: Mapping[str, Any]) -> bytes:
        """Return what one of OpenAI's chunks becomes; nothing, perhaps."""

    def end(self) -> bytes:
        """Return what comes at the end of a whole answer."""

    def fail(self, error: LLMError) -> bytes:
        """Return what comes at the end of one that broke."""


@frozen
class Question:
    """What a client asks, in the standard form, and how it is answered."""

    endpoint: str
    body: Json
    """OpenAI's body of a chat completion, with ``stream``."""
    answer: Callable[[Json], Mapping[str, Any]]
    """Returns the face's form of OpenAI's answer."""
    writer: Callable[[], Writer]
    media_type: str = "text/event-stream"


def handler(
    read: Callable[[Call, Json], Question], form: errors.Form, face: str
) -> Callable[[Call], Any]:
    """Return what answers the calls of a face; ``read`` returns what a body asks for."""

    async def handle(call: Call) -> Result:
        try:
            question = read(call, await bodies.taken(call.content))
            found = await openai.ask(call, question.endpoint, Task.CHAT, question.body, face)
        except LLMError as error:
            return errors.answer(error, form)
        if isinstance(found, Events):
            content = written(found, question.writer())
            return openai.streamed(found, content, question.media_type)
        return question.answer(found)

    return handle


async def written(events: Events, writer: Writer) -> AsyncIterator[bytes]:
    """Yield a streamed answer as a writer writes it."""
    try:
        begun = writer.begin()
        async for bunch in events:
            data = begun + b"".join([writer.feed(event) for event in bunch])
            begun = b""
            if data:
                yield data
    except LLMError as error:
        yield begun + writer.fail(error)
        return
    yield begun + writer.end()
