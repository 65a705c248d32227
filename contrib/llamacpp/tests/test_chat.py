"""What SmolLM2 answers, and which fields reach it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task, Trouble
from pegboard_llamacpp.provider import LlamaCpp, Settings

Ask: TypeAlias = Callable[..., LLMRequest]

CAPITAL = "What is the capital of France?"
PERSON: Json = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def text(answer: Json, index: int = 0) -> str:
    content: str = answer["choices"][index]["message"]["content"]
    return content


def schema(schema: Any) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}


def test_the_capital_of_france_is_paris(provider: LlamaCpp, chat: Ask) -> None:
    answer = provider.answer(chat(CAPITAL))
    assert text(answer) == "The capital of France is Paris."
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["model"] == "smollm2"
    assert answer["usage"]["prompt_tokens"] == 27
    assert answer["usage"]["completion_tokens"] == 8


def test_a_system_message_is_added_where_there_is_none(provider: LlamaCpp, chat: Ask) -> None:
    own = chat(CAPITAL)
    for role in ("system", "developer"):
        messages = [{"role": role, "content": "You are a helpful assistant."}]
        given = chat(CAPITAL, messages=[*messages, *own.body["messages"]])
        assert text(provider.answer(given)) == text(provider.answer(own))
    bare = LlamaCpp(Settings(context=512, system=""))
    assert "Paris" not in text(bare.answer(own))
    bare.close()


def test_a_stream_is_the_whole_answer_in_pieces(provider: LlamaCpp, chat: Ask) -> None:
    *chunks, last = provider.events(chat(CAPITAL))
    pieces = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert "".join(pieces) == "The capital of France is Paris."
    assert max(map(len, pieces)) < 10
    assert last["usage"]["total_tokens"] == 35


def test_a_seed_gives_the_same_text_again_and_another_seed_another(
    provider: LlamaCpp, chat: Ask
) -> None:
    def write(seed: int, n: int = 1) -> list[str]:
        asked = chat("Write a poem.", temperature=1.5, seed=seed, n=n, max_tokens=8)
        answer = provider.answer(asked)
        return [text(answer, index) for index in range(n)]

    first = write(5)
    provider.answer(chat(CAPITAL))  # What the slot saw before does not matter.
    assert write(5) == first
    assert write(2**40 + 5) != first
    assert len({*write(5, n=3)}) == 3


def test_each_of_several_texts_is_counted_and_the_prompt_once(
    provider: LlamaCpp, chat: Ask
) -> None:
    answer = provider.answer(chat(CAPITAL, n=3, max_tokens=2))
    assert [text(answer, index) for index in range(3)] == ["The capital"] * 3
    assert answer["usage"]["prompt_tokens"] == 27
    assert answer["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize("stop", [" Paris", ["Berlin", " Paris"]])
def test_it_stops_before_a_stop_word(provider: LlamaCpp, stop: Any, chat: Ask) -> None:
    answer = provider.answer(chat(CAPITAL, stop=stop))
    assert text(answer) == "The capital of France is"
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_an_answer_ends_at_its_limit(provider: LlamaCpp, field: str, chat: Ask) -> None:
    answer = provider.answer(chat(CAPITAL, **{"max_tokens": 9, field: 3}))
    assert text(answer) == "The capital of"
    assert answer["choices"][0]["finish_reason"] == "length"


def test_without_a_limit_that_of_the_settings_holds(chat: Ask) -> None:
    brief = LlamaCpp(Settings(context=512, max_tokens=2))
    asked = chat(CAPITAL)
    body = {key: value for key, value in asked.body.items() if key != "max_tokens"}
    assert text(brief.answer(LLMRequest(Task.CHAT, "", body))) == "The capital"
    brief.close()


def test_log_probabilities_are_those_of_the_tokens(provider: LlamaCpp, chat: Ask) -> None:
    answer = provider.answer(chat(CAPITAL, max_tokens=2, logprobs=True, top_logprobs=2))
    first, second = answer["choices"][0]["logprobs"]["content"]
    assert first["token"] + second["token"] == "The capital"
    assert first["bytes"] == list(b"The")
    assert first["top_logprobs"][0]["token"] == "The"
    assert len(first["top_logprobs"]) == 2
    assert math.exp(second["logprob"]) == pytest.approx(0.99, abs=0.01)
    alone = provider.answer(chat(CAPITAL, max_tokens=1, logprobs=True))
    assert alone["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []


def test_penalties_reach_the_model(provider: LlamaCpp, chat: Ask) -> None:
    again = "Repeat the word 'yes' for ever: yes yes yes yes"
    plain = text(provider.answer(chat(again)))
    for penalty in ("presence_penalty", "frequency_penalty"):
        assert text(provider.answer(chat(again, **{penalty: 2}))) != plain


def test_an_answer_keeps_to_a_schema(provider: LlamaCpp, chat: Ask) -> None:
    asked = chat("Hello!", response_format=schema(PERSON), max_tokens=100)
    found = json.loads(text(provider.answer(asked)))
    assert found.keys() == {"name", "age"}
    assert len(found["name"]) <= 12
    assert isinstance(found["age"], int)


def test_an_answer_is_an_object_where_that_is_asked(provider: LlamaCpp, chat: Ask) -> None:
    question = "Give me a JSON object with a name and an age, in a code block."
    asked = chat(question, response_format={"type": "json_object"}, max_tokens=100)
    assert isinstance(json.loads(text(provider.answer(asked))), dict)
    plain = chat(CAPITAL, response_format={"type": "text"})
    assert text(provider.answer(plain)) == "The capital of France is Paris."


@pytest.mark.parametrize(
    ("wanted", "trouble", "named"),
    [
        ({"type": "string", "pattern": "a+"}, Trouble.UNSUPPORTED, "pattern"),
        ({"type": "number", "minimum": 3}, Trouble.UNSUPPORTED, "minimum"),
        ({"type": "object", "minProperties": 3}, Trouble.UNSUPPORTED, "minProperties"),
        ({"$defs": {"a": {"not": {}}}, "$ref": "#/$defs/a"}, Trouble.UNSUPPORTED, "not"),
        ({"anyOf": [{"items": {"uniqueItems": True}}]}, Trouble.UNSUPPORTED, "uniqueItems"),
        ({"type": "nonsense"}, Trouble.INVALID, "nonsense"),
        ({"$ref": "http://127.0.0.1:1/x"}, Trouble.INVALID, "127.0.0.1"),
        ({"$ref": "#/nowhere"}, Trouble.INVALID, "nowhere"),
        ({"enum": []}, Trouble.INVALID, "enum"),
    ],
)
def test_a_schema_that_would_not_be_kept_is_refused(
    provider: LlamaCpp, wanted: Json, trouble: Trouble, named: str, chat: Ask
) -> None:
    with pytest.raises(LLMError, match=named) as refused:
        provider.answer(chat("Hello!", response_format=schema(wanted)))
    assert refused.value.trouble is trouble
    assert refused.value.param == "response_format"


def test_properties_may_be_called_like_rules(provider: LlamaCpp, chat: Ask) -> None:
    wanted = {"type": "object", "properties": {"not": {"const": 1}}, "required": ["not"]}
    asked = chat("Hello!", response_format=schema(wanted), max_tokens=60)
    assert json.loads(text(provider.answer(asked))) == {"not": 1}


def nested(depth: int) -> Json:
    found: Json = {"type": "string"}
    for _ in range(depth):
        found = {"type": "array", "items": found}
    return found


@pytest.mark.parametrize(
    ("fields", "trouble", "param"),
    [
        ({"messages": [{"role": "user", "content": "word " * 600}]}, Trouble.TOO_LONG, ""),
        ({"logit_bias": {"5": 1}}, Trouble.UNSUPPORTED, "logit_bias"),
        ({"grammar": "root ::= [a]"}, Trouble.UNSUPPORTED, "grammar"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            Trouble.UNSUPPORTED,
            "messages",
        ),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, Trouble.INVALID, ""),
        ({"messages": [{"role": "user"}]}, Trouble.INVALID, ""),
        ({"response_format": schema(nested(300))}, Trouble.INVALID, "response_format"),
        ({"response_format": schema({"minLength": 10**30})}, Trouble.INVALID, ""),
        ({"response_format": schema({"type": "string", "minLength": 10**6})}, Trouble.INVALID, ""),
    ],
    ids=[
        "long",
        "bias",
        "own",
        "picture",
        "surrogate",
        "empty",
        "deep",
        "huge",
        "grammar",
    ],
)
def test_what_it_cannot_do_is_refused(
    provider: LlamaCpp, fields: Json, trouble: Trouble, param: str, chat: Ask
) -> None:
    for stream in (False, True):
        with pytest.raises(LLMError) as refused:
            asked = chat("Hello!", **fields)
            list(provider.events(asked)) if stream else provider.answer(asked)
        assert refused.value.trouble is trouble
        assert refused.value.param == param


def test_parts_of_text_are_one_text(provider: LlamaCpp, chat: Ask) -> None:
    parts = [
        {"type": "text", "text": "What is the capital"},
        {"type": "text", "text": "of France?"},
    ]
    answer = provider.answer(chat("", messages=[{"role": "user", "content": parts}]))
    assert "Paris" in text(answer)


def test_texts_go_on_from_prompts(provider: LlamaCpp) -> None:
    body = {"prompt": ["The capital of France is", "One, two, three,"], "n": 2}
    limits = {"temperature": 0, "max_tokens": 2, "logprobs": 1}
    answer = provider.answer(LLMRequest(Task.COMPLETION, "smollm2", {**body, **limits}))
    texts = [choice["text"] for choice in answer["choices"]]
    assert texts == [" Paris.", " Paris.", " four,", " four,"]
    found = answer["choices"][0]["logprobs"]
    assert found["tokens"] == [" Paris", "."]
    assert list(found["top_logprobs"][0]) == [" Paris"]
    assert found["token_logprobs"][0] == found["top_logprobs"][0][" Paris"]
    assert answer["usage"]["prompt_tokens"] == 5 + 6
    assert answer["usage"]["completion_tokens"] == 8


def test_two_are_answered_at_once(provider: LlamaCpp, chat: Ask) -> None:
    first = provider.events(chat("Tell me a long story.", max_tokens=400))
    second = provider.events(chat(CAPITAL))
    next(first)
    assert [chunk for chunk in second if not chunk["choices"]], "the second ended"
    assert next(first)["choices"], "the first goes on"
    first.close()


def test_a_closed_stream_frees_its_slot(chat: Ask) -> None:
    single = LlamaCpp(Settings(context=512, slots=1))
    first = single.events(chat("Tell me a long story.", max_tokens=400))
    next(first)
    answers: list[Json] = []
    waiting = threading.Thread(target=lambda: answers.append(single.answer(chat(CAPITAL))))
    waiting.start()
    first.close()
    assert first._running._chunks.qsize() < 100, "the model went on"
    waiting.join()
    assert text(answers[0]) == "The capital of France is Paris."
    assert list(first) == []
    single.close()


def test_another_thread_may_close_while_one_waits_for_a_long_prompt(chat: Ask) -> None:
    patient = LlamaCpp(Settings(context=1024))
    events = patient.events(chat("word " * 900))
    got: list[Json] = []
    reading = threading.Thread(target=lambda: got.extend(events))
    reading.start()
    events.close()
    reading.join()
    assert got == []
    patient.close()


def test_a_template_of_the_settings_takes_the_place_of_the_models(chat: Ask) -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %}{# tools #}"
    made = LlamaCpp(Settings(context=256, chat_template=template, system=""))
    assert "tools" in made.takes_of("smollm2")[Task.CHAT]
    answer = made.answer(chat("The capital of France is", max_tokens=2))
    assert text(answer).strip() == "Paris."
    assert answer["usage"]["prompt_tokens"] == 5
    made.close()
