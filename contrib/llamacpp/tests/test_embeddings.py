"""Vectors of all-MiniLM-L6-v2 are those that sentence-transformers makes."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Task, Trouble
from pegboard_llamacpp.provider import LlamaCpp

Ask: TypeAlias = Callable[..., LLMRequest]

WEATHER = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
SIMILARITIES = {(0, 1): 0.6660, (0, 2): 0.1046, (1, 2): 0.1411}
"""As the documentation of sentence-transformers prints them for these sentences."""
EXAMPLE = [0.0676569, 0.0634959, 0.0487131, 0.07930498]
"""The first numbers of "This is an example sentence", computed in float64 from the weights."""


def embedded(provider: LlamaCpp, input: Any, **fields: object) -> list[list[float]]:
    request = LLMRequest(Task.EMBEDDING, "minilm", {"input": input, **fields})
    return [item["embedding"] for item in provider.answer(request)["data"]]


def test_similarities_are_the_published_ones(provider: LlamaCpp) -> None:
    vectors = embedded(provider, WEATHER)
    for (one, other), expected in SIMILARITIES.items():
        found = (
            math.sumprod(vectors[one], vectors[other])
            if hasattr(math, "sumprod")
            else sum(a * b for a, b in zip(vectors[one], vectors[other], strict=True))
        )
        assert found == pytest.approx(expected, abs=1e-3)


def test_vectors_are_the_reference_and_of_length_1(provider: LlamaCpp) -> None:
    (vector,) = embedded(provider, "This is an example sentence")
    assert vector[:4] == pytest.approx(EXAMPLE, abs=1e-3)
    assert len(vector) == 384
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_tokens_and_base64_are_taken_as_openais_client_sends_them(provider: LlamaCpp) -> None:
    (expected,) = embedded(provider, "hello")
    (packed,) = embedded(provider, "hello", encoding_format="base64")
    assert array("f", base64.b64decode(packed)).tolist() == pytest.approx(expected, abs=1e-6)
    assert embedded(provider, [101, 7592, 102]) == [pytest.approx(expected, abs=1e-6)]
    assert embedded(provider, [[101, 7592, 102]]) == [pytest.approx(expected, abs=1e-6)]


def test_tokens_are_counted(provider: LlamaCpp) -> None:
    request = LLMRequest(Task.EMBEDDING, "minilm", {"input": ["hello", "hello world"]})
    assert provider.answer(request)["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


@pytest.mark.parametrize(("words", "trouble"), [(600, Trouble.TOO_LONG), (3000, Trouble.TOO_LONG)])
def test_a_text_that_is_too_long_is_refused(
    provider: LlamaCpp, words: int, trouble: Trouble
) -> None:
    with pytest.raises(LLMError) as refused:
        embedded(provider, "word " * words)
    assert refused.value.trouble is trouble


@pytest.mark.parametrize("input", ["\ud800", [10**9], ["a", 10**9]])
def test_what_is_no_text_is_refused(provider: LlamaCpp, input: Any) -> None:
    with pytest.raises(LLMError) as refused:
        embedded(provider, input)
    assert refused.value.trouble is Trouble.INVALID


def test_each_model_does_its_own_task_only(provider: LlamaCpp, chat: Ask) -> None:
    asked = [
        chat("Hello!", model="minilm"),
        LLMRequest(Task.COMPLETION, "minilm", {"prompt": "Hello"}),
        LLMRequest(Task.EMBEDDING, "smollm2", {"input": "Hello"}),
    ]
    for request in asked:
        with pytest.raises(LLMError, match=request.model) as refused:
            provider.answer(request)
        assert refused.value.trouble is Trouble.UNSUPPORTED
