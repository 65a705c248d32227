"""What one request may ask of the machine it runs on."""

from __future__ import annotations

from typing import Any

import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Task, Trouble
from pegboard_llamacpp import asking
from pegboard_llamacpp.provider import LlamaCpp


@pytest.mark.parametrize(
    ("prompt", "n", "count"),
    [("x", 128, 128), (["x"] * 512, 1, 512), (["x"] * 5, 128, 0), (["x"] * 513, 1, 0)],
)
def test_answers_of_one_request_have_a_bound(prompt: Any, n: int, count: int) -> None:
    request = LLMRequest(Task.COMPLETION, "m", {"prompt": prompt, "n": n})
    try:
        found = len(asking.bodies(request, system="", max_tokens=1))
    except LLMError as error:
        assert error.trouble is Trouble.INVALID
        found = 0
    assert found == count


def test_copies_of_a_long_prompt_do_not_fill_the_memory(provider: LlamaCpp) -> None:
    said = [{"role": "user", "content": "x" * (1 << 20)}]
    request = LLMRequest(Task.CHAT, "smollm2", {"messages": said, "n": 128, "max_tokens": 1})
    with pytest.raises(LLMError) as raised:
        provider.answer(request)
    assert raised.value.trouble is Trouble.TOO_LONG
