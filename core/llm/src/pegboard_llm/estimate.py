"""How many tokens a text has, roughly, where a vendor does not count or has not yet.

Tokenizers of today take about four bytes of UTF-8 for a token, in English as in Chinese. Good for
budgets and limits, never for what a vendor has counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json, LLMRequest, Task

from pegboard_llm import shapes

BYTES_OF_TOKEN = 4
"""How many bytes of text are about a token."""
_IMAGE = 1_000
"""What an image takes, about; vendors charge 85 to 1,600 tokens for one of common size."""
_MESSAGE = 4
"""What a message takes beside its text: who speaks, begin and end."""
_FILE_BYTES = 16
"""So many characters of a sound or a file in base64 take about one."""


def tokens(text: str) -> int:
    """Return the tokens of a text."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return (size + BYTES_OF_TOKEN - 1) // BYTES_OF_TOKEN


def prompt_tokens(request: LLMRequest) -> int:
    """Return the tokens that a request sends."""
    body = request.body
    if request.task is Task.CHAT:
        count = sum(map(_message, body.get("messages") or ()))
        for key in ("tools", "functions", "response_format", "prediction"):
            if value := body.get(key):
                count += len(shapes.encoded(value)) // BYTES_OF_TOKEN
        return count
    if request.task is Task.COMPLETION:
        return _texts(body.get("prompt")) + _texts(body.get("suffix"))
    return _texts(body.get("input"))


def most_output(request: LLMRequest, unsaid: int | None, longest: int | None = None) -> int | None:
    """Return the most tokens that an answer can have; None if nothing limits it.

    ``unsaid`` is the most of one choice that the request does not limit, ``longest`` that of the
    model, whatever a request says; None for either that nobody knows.
    """
    if request.task is Task.EMBEDDING:
        return 0
    body = request.body
    said = body.get("max_completion_tokens") or body.get("max_tokens") or unsaid
    if said is None:
        return None
    return (int(said) if longest is None else min(int(said), longest)) * _choices(request)


def _choices(request: LLMRequest) -> int:
    """Return how many answers are paid for."""
    body = request.body
    choices = int(body.get("n") or 1)
    if request.task is Task.COMPLETION:
        # Those that are not the best are paid for as well.
        choices = max(choices, int(body.get("best_of") or 1)) * _prompts(body.get("prompt"))
    return choices


def _prompts(value: Any) -> int:
    """Return how many texts are to be completed; tokens are one."""
    return len(value) if isinstance(value, list) and not isinstance(value[0], int) else 1


def usage(request: LLMRequest, texts: str = "") -> Json:
    """Return a ``usage`` for a vendor that gave none; ``texts`` is all that was answered."""
    return shapes.usage(prompt_tokens(request), tokens(texts), estimated=True)


def answer_text(answer: Mapping[str, Any]) -> str:
    """Return all that the choices of an answer say, calls of tools included."""
    found = []
    for choice in answer.get("choices") or ():
        message = choice.get("message")
        if message is None:
            found.append(choice.get("text") or "")
            continue
        found += [shapes.text_of(message), message.get("reasoning_content") or ""]
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            found += [function.get("name") or "", function.get("arguments") or ""]
    return "".join(found)


def _message(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    if isinstance(content, str):
        count = _MESSAGE + tokens(content)
    else:
        count = _MESSAGE + sum(map(_part, content or ()))
    if len(message) > 2 or content is None:
        # Calls of tools, thoughts, names: whatever else a message has is sent too.
        others = {key: value for key, value in message.items() if key not in ("role", "content")}
        count += len(shapes.encoded(others)) // BYTES_OF_TOKEN
    return count


def _part(part: Mapping[str, Any]) -> int:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return tokens(part[kind])
    if kind == "image_url":
        return _IMAGE
    return _IMAGE + len(shapes.encoded(part)) // _FILE_BYTES


def _texts(value: Any) -> int:
    """Return the tokens of a text, tokens themselves, or a list of either."""
    if isinstance(value, str):
        return tokens(value)
    if isinstance(value, int):
        return 1
    return sum(map(_texts, value or ()))
