"""A field that is misspelt is named, in all APIs, beside the one that was meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Task
from pegboard_gateway.faces import bodies, errors, gemini_contents, messages, mlflow, response_items
from pegboard_llm import checks

from .plain_provider import FIELDS, endpoint

HI: Any = [{"role": "user", "content": "Hi"}]
CONTENTS: Any = [{"role": "user", "parts": [{"text": "Hi"}]}]


def chat(body: Any) -> None:
    request = checks.checked(Task.CHAT, body, "m")
    checks.refuse_others(request, {Task.CHAT: FIELDS | {"seed", "top_p"}}, "plain")


def completion(body: Any) -> LLMRequest:
    return checks.checked(Task.COMPLETION, body, "m")


def embedding(body: Any) -> LLMRequest:
    return checks.checked(Task.EMBEDDING, body, "m")


def of_mlflow(body: Any) -> Any:
    return mlflow.read(body, endpoint("chat", "http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("read", "body", "words"),
    [
        (bodies.endpoint_name, {"Model": "x"}, "'model' is missing: did you mean it by 'Model'?"),
        (bodies.endpoint_name, {}, "The field 'model' is missing. It names"),
        (chat, {"mesages": HI}, "'messages' is missing: did you mean it by 'mesages'?"),
        (chat, {"message": HI}, "'messages' is missing: did you mean it by 'message'?"),
        (chat, {"tools": None, "n": 1}, "'messages' is missing."),
        (
            chat,
            {"messages": HI, "temprature": 1},
            "'temprature' for the model 'm'. Did you mean 'temperature'?",
        ),
        (chat, {"messages": HI, "colour": 1}, "'colour' for the model 'm'. Leave it out"),
        (
            chat,
            {"messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]},
            "lacks 'text': did you mean it by 'txt'?",
        ),
        (completion, {"promt": "x"}, "'prompt' is missing: did you mean it by 'promt'?"),
        (embedding, {"inputs": "x"}, "'input' is missing: did you mean it by 'inputs'?"),
        (of_mlflow, {"mesages": HI}, "'messages' is missing: did you mean it by 'mesages'?"),
        (messages.read, {"max_tokens": 9, "mesages": HI}, "Did you mean 'messages'?"),
        (messages.read, {"messages": HI, "max_token": 9}, "Did you mean 'max_tokens'?"),
        (messages.read, {"max_tokens": 9}, "The field 'messages' is missing."),
        (response_items.read, {"inputs": "Hi"}, "Did you mean 'input'?"),
        (response_items.read, {}, "The field 'input' is missing."),
        (gemini_contents.read, {"content": CONTENTS}, "Did you mean 'contents'?"),
        (
            gemini_contents.read,
            {"contents": CONTENTS, "generationConfig": {"temprature": 1}},
            "Did you mean 'temperature'?",
        ),
    ],
)
def test_a_misspelt_field_is_named(read: Callable[[Any], Any], body: Any, words: str) -> None:
    with pytest.raises(LLMError) as caught:
        read(body)
    assert caught.value.trouble.status == 400
    assert words in errors.text_of(caught.value)


def test_fields_that_nobody_knows_reach_a_provider_that_takes_them() -> None:
    """Compatible servers have fields of their own."""
    request = checks.checked(Task.CHAT, {"messages": HI, "mesages": 1, "top_k": 3}, "m")
    checks.refuse_others(request, {Task.CHAT: FIELDS | {"mesages", "top_k"}}, "vllm")


def test_many_long_names_take_no_time() -> None:
    body = {f"{'messages' * 10}{number}": 1 for number in range(50_000)}
    with pytest.raises(LLMError, match=r"'messages' is missing\."):
        checks.checked(Task.CHAT, body, "m")
