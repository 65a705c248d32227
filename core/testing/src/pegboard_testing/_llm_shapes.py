"""What OpenAI's answers and chunks look like, as assertions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.llm import Task

FINISHES = {"stop", "length", "tool_calls", "content_filter", "function_call"}

OBJECTS = {Task.CHAT: "chat.completion", Task.COMPLETION: "text_completion"}


def check_usage(usage: Any) -> None:
    """Assert that tokens are counted, and that the counts agree."""
    assert isinstance(usage, Mapping), f"usage is {usage!r}"
    counts = [usage.get(key, 0) for key in ("prompt_tokens", "completion_tokens", "total_tokens")]
    assert "prompt_tokens" in usage, usage
    assert "total_tokens" in usage, usage
    assert all(type(count) is int and count >= 0 for count in counts), usage
    assert counts[0] + counts[1] == counts[2], usage
    for key, most in (
        ("prompt_tokens_details", counts[0]),
        ("completion_tokens_details", counts[1]),
    ):
        for count in (usage.get(key) or {}).values():
            assert count is None or (type(count) is int and 0 <= count <= most), usage


def check_answer(task: Task, answer: Any) -> None:
    """Assert that a whole answer has OpenAI's form."""
    json.dumps(answer, allow_nan=False)
    assert isinstance(answer["model"], str)
    check_usage(answer.get("usage"))
    if task is Task.EMBEDDING:
        assert answer["object"] == "list"
        assert [item["index"] for item in answer["data"]] == list(range(len(answer["data"])))
        for item in answer["data"]:
            assert item["object"] == "embedding"
            vector = item["embedding"]
            assert isinstance(vector, str) or all(type(x) in (int, float) for x in vector)
        return
    assert answer["object"] == OBJECTS[task]
    assert isinstance(answer["id"], str)
    assert answer["id"]
    assert type(answer["created"]) is int
    assert answer["choices"], "there are no choices"
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(answer["choices"])))
    for choice in answer["choices"]:
        assert choice["finish_reason"] in FINISHES, choice["finish_reason"]
        if task is Task.COMPLETION:
            assert isinstance(choice["text"], str)
        else:
            check_message(choice["message"], choice["finish_reason"])


def check_message(message: Any, finish_reason: str) -> None:
    """Assert that an assistant's message has OpenAI's form."""
    assert message["role"] == "assistant"
    assert message["content"] is None or isinstance(message["content"], str)
    calls = message.get("tool_calls")
    assert calls is None or calls, "'tool_calls' without any is to be left out"
    if message["content"] is None:
        assert calls or message.get("refusal") or message.get("audio") or finish_reason != "stop"
    if finish_reason == "tool_calls":
        assert calls, "it ended to call tools, but calls none"
    for call in calls or ():
        assert call["type"] in ("function", "custom")
        assert isinstance(call["id"], str)
        assert call["id"]
        if call["type"] == "function":
            assert call["function"]["name"]
            assert isinstance(call["function"]["arguments"], str)
    assert len({call["id"] for call in calls or ()}) == len(calls or ())
    assert isinstance(message.get("reasoning_content", ""), str)


def check_chunks(task: Task, chunks: Sequence[Mapping[str, Any]]) -> None:
    """Assert that the chunks of a whole stream have OpenAI's form, one after the other.

    Each choice begins with whose words they are and ends once; the last chunk alone has no choices,
    and holds the usage.
    """
    json.dumps(chunks, allow_nan=False)
    assert chunks, "a stream has one event at least"
    last = chunks[-1]
    assert last["choices"] == [], "the last event has no choices"
    check_usage(last.get("usage"))
    expected = "chat.completion.chunk" if task is Task.CHAT else "text_completion"
    begun: set[int] = set()
    ended: set[int] = set()
    for chunk in chunks:
        assert chunk["object"] == expected
        assert isinstance(chunk["id"], str)
        assert chunk["id"]
        assert isinstance(chunk["model"], str)
        assert type(chunk["created"]) is int
    assert len({chunk["created"] for chunk in chunks}) == 1
    for chunk in chunks[:-1]:
        assert chunk["choices"], "only the last event has no choices"
        assert chunk.get("usage") is None, "only the last event has the usage"
        for choice in chunk["choices"]:
            index = choice["index"]
            assert index not in ended, "there is more of a choice that has ended"
            if task is Task.CHAT:
                check_delta(choice["delta"], first=index not in begun)
            else:
                assert isinstance(choice["text"], str)
            begun.add(index)
            if choice["finish_reason"] is not None:
                assert choice["finish_reason"] in FINISHES, choice["finish_reason"]
                ended.add(index)
    assert begun == ended == set(range(len(begun)))
    if task is Task.CHAT:
        check_calls(chunks)


def check_delta(delta: Any, *, first: bool) -> None:
    """Assert that a delta has OpenAI's form."""
    assert isinstance(delta, Mapping)
    if first:
        assert delta.get("role") == "assistant", "a choice begins with whose words they are"
    for key in ("content", "reasoning_content", "refusal"):
        assert delta.get(key) is None or isinstance(delta[key], str)
    calls = delta.get("tool_calls")
    assert calls is None or calls, "'tool_calls' without any is to be left out"


def check_calls(chunks: Sequence[Mapping[str, Any]]) -> None:
    """Assert that calls of tools begin with id, type and name, in order, and go on by position."""
    known: dict[int, set[int]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                seen = known.setdefault(choice["index"], set())
                if call["index"] not in seen:
                    assert call["index"] == len(seen), "calls are numbered from 0"
                    assert call["id"], "a call begins with its id"
                    assert call["type"] in ("function", "custom")
                    assert call["function"]["name"]
                    seen.add(call["index"])
                assert isinstance(call["function"].get("arguments", ""), str)


def without_own(answer: Any, expected: Mapping[str, Any]) -> Any:
    """Return an answer without what each answer has of its own, unless it is expected."""
    made = {
        key: value
        for key, value in answer.items()
        if key in expected or key not in ("id", "created", "system_fingerprint", "service_tier")
    }
    wanted = expected.get("choices") or ()
    for choice, other in zip(made.get("choices") or (), wanted, strict=False):
        if "message" in choice and choice["message"].get("annotations") == []:
            del choice["message"]["annotations"]
        calls = (choice.get("message") or {}).get("tool_calls") or ()
        others = (other.get("message") or {}).get("tool_calls") or ()
        for call, same in zip(calls, others, strict=False):
            if same.get("id") == "*":
                # The vendor gives calls no names; what the provider gives them is its own.
                call["id"] = "*"
    return made
