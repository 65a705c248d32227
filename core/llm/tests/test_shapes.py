"""OpenAI's objects, chunks merged, and estimates."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Task, Trouble
from pegboard_llm import estimate, shapes
from pegboard_testing.llm import check_answer, check_chunks


def merged(chunks: list[Any]) -> Any:
    merger = shapes.Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.answer()


def test_chunks_make_the_whole_answer() -> None:
    made = shapes.Chunks("m", id="x", created=5)
    chunks = [
        made.reasoning("Hm"),
        made.reasoning(", yes."),
        made.text("Hel"),
        made.text("lo"),
        made.tool_start(0, "a", "f", '{"x"'),
        made.tool_more(0, ": 1}"),
        made.tool_start(1, "b", "g"),
        made.tool_more(1, "{}"),
        *made.finish("tool_calls"),
        made.usage(shapes.usage(3, 4, cached=2, reasoning=1)),
    ]
    check_chunks(Task.CHAT, chunks)
    answer = merged(chunks)
    check_answer(Task.CHAT, answer)
    calls = [shapes.tool_call("a", "f", '{"x": 1}'), shapes.tool_call("b", "g", "{}")]
    message = shapes.message("Hello", tool_calls=calls, reasoning="Hm, yes.")
    usage = shapes.usage(3, 4, cached=2, reasoning=1)
    choice = shapes.choice(message, "tool_calls")
    assert answer == shapes.chat("m", [choice], usage, id="x", created=5)


def test_texts_are_merged_too() -> None:
    made = shapes.Chunks("m", task=Task.COMPLETION)
    chunks = [
        made.text("a"),
        made.text("b"),
        *made.finish("length"),
        made.usage(shapes.usage(1, 2)),
    ]
    check_chunks(Task.COMPLETION, chunks)
    answer = merged(chunks)
    check_answer(Task.COMPLETION, answer)
    assert answer["choices"][0]["text"] == "ab"
    assert answer["object"] == "text_completion"


def test_choices_and_log_probabilities_are_merged_each_for_itself() -> None:
    made = shapes.Chunks("m")
    chunks = [
        made.text("a", 0, {"content": [1], "refusal": None}),
        made.text("x", 1),
        made.text("b", 0, {"content": [2], "refusal": None}),
        *made.finish("stop", 1),
        *made.finish("stop", 0),
        made.usage(shapes.usage(1, 2)),
    ]
    first, second = merged(chunks)["choices"]
    assert first["logprobs"] == {"content": [1, 2], "refusal": None}
    assert (first["message"]["content"], second["message"]["content"]) == ("ab", "x")


def test_an_answer_without_words_begins_and_ends() -> None:
    made = shapes.Chunks("m")
    chunks = [*made.finish("content_filter"), made.usage(shapes.usage(1))]
    check_chunks(Task.CHAT, chunks)
    assert merged(chunks)["choices"][0]["message"]["content"] == ""


def test_vectors_are_packed_as_openai_does() -> None:
    answer = shapes.embeddings("m", [[1.0, -0.5]], shapes.usage(3), "base64")
    check_answer(Task.EMBEDDING, answer)
    packed = answer["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(packed)) == (1.0, -0.5)
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"a": object()}, {"a": 2**70}, {1: 2}])
def test_what_json_cannot_hold_is_the_requests_fault(value: Any) -> None:
    with pytest.raises(LLMError) as raised:
        shapes.encoded(value)
    assert raised.value.trouble is Trouble.INVALID


@pytest.mark.parametrize("body", [b"", b"[]", b"nul", b"\xff", b'{"a":'])
def test_what_is_no_object_is_garbage(body: bytes) -> None:
    with pytest.raises(LLMError) as raised:
        shapes.decoded(body, "Acme")
    assert raised.value.trouble is Trouble.GARBAGE


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("five5", 2), ("日本", 2), ("\ud800", 1)]
)
def test_a_token_has_about_four_bytes(text: str, tokens: int) -> None:
    assert estimate.tokens(text) == tokens


def test_all_that_is_sent_is_estimated() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    said = [{"role": "user", "content": [{"type": "text", "text": "four"}, image]}]
    chat = LLMRequest(Task.CHAT, "m", {"messages": said, "n": 2, "max_tokens": 10})
    assert estimate.prompt_tokens(chat) == 4 + 1 + 1000
    assert estimate.most_output(chat, None) == 20
    embedding = LLMRequest(Task.EMBEDDING, "m", {"input": ["four", [1, 2, 3]]})
    assert estimate.prompt_tokens(embedding) == 4
    assert estimate.most_output(embedding, None) == 0
    completion = LLMRequest(Task.COMPLETION, "m", {"prompt": "four"})
    assert estimate.usage(completion, "12345678") == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "estimated": True,
    }
