"""Bodies that are nested: as deep as may be they are read by every face, deeper by none."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pegboard.contracts.llm import LLMError, Task, Trouble
from pegboard_gateway.control.cache import AnswerCache
from pegboard_gateway.control.guardrails.texts import edited
from pegboard_gateway.entities import Asked
from pegboard_gateway.faces import bodies, gemini_contents, messages, response_items
from pegboard_gateway.settings import Cache
from pegboard_llm import checks

SAID = '{"role": "user", "content": "x"}'
FACES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "openai": (f'{{"messages": [{SAID}], "other": %s}}', lambda body: body),
    "tools": (
        f'{{"messages": [{SAID}], "tools": [{{"type": "function", "function": '
        '{"name": "f", "parameters": {"a": %s}}}]}',
        lambda body: body,
    ),
    "responses": (
        '{"input": [{"type": "function_call_output", "call_id": "c", "output": {"a": %s}}]}',
        response_items.read,
    ),
    "anthropic": (
        '{"max_tokens": 1, "messages": [{"role": "assistant", "content": '
        '[{"type": "tool_use", "id": "c", "name": "f", "input": {"a": %s}}]}]}',
        messages.read,
    ),
    "gemini": (
        '{"contents": [{"role": "model", "parts": '
        '[{"functionCall": {"name": "f", "args": {"a": %s}}}]}], "ot_her": %s}',
        gemini_contents.read,
    ),
}


def nested(form: str, depth: int, sign: str) -> bytes:
    """Return a body whose deepest list or object has so many around it, itself included."""
    outer = form.split("%s")[0]
    around = sum(outer.count(c) for c in "[{") - sum(outer.count(c) for c in "]}")
    begin, end = ("[", "]") if sign == "[" else ('{"a": ', "}")
    inner = (
        begin * (depth - around - 1) + ("[]" if sign == "[" else "{}") + end * (depth - around - 1)
    )
    return form.replace("%s", inner, 1).replace("%s", "1").encode()


@pytest.mark.parametrize("sign", ["[", "{"])
@pytest.mark.parametrize("face", FACES)
def test_the_deepest_body_is_read_by_all_that_look_at_it(face: str, sign: str) -> None:
    form, read = FACES[face]
    try:
        body = read(bodies.read(nested(form, bodies.MAX_DEPTH, sign)))
    except LLMError as error:
        assert error.trouble in (Trouble.INVALID, Trouble.UNSUPPORTED)
        return
    request = checks.checked(Task.CHAT, body)
    edited(dict(request.body), str.upper)
    AnswerCache().slot(object(), Cache(), Asked("e", Task.CHAT, request.body))


@pytest.mark.parametrize("depth", [bodies.MAX_DEPTH + 1, 500, 1_000, 100_000])
@pytest.mark.parametrize("sign", ["[", "{"])
@pytest.mark.parametrize("face", FACES)
def test_a_deeper_body_is_refused(face: str, sign: str, depth: int) -> None:
    with pytest.raises(LLMError) as raised:
        asyncio.run(bodies.taken(nested(FACES[face][0], depth, sign)))
    assert raised.value.trouble is Trouble.INVALID


def test_many_messages_are_not_deep() -> None:
    content = f'{{"messages": [{",".join([SAID] * 5_000)}], "x": "{"[" * 500}"}}'.encode()
    assert len(bodies.read(content)["messages"]) == 5_000


def test_a_compressed_body_is_called_that() -> None:
    with pytest.raises(LLMError, match="compressed with gzip"):
        bodies.read(gzip.compress(b"{}"))
