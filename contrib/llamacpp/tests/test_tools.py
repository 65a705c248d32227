"""Calls of tools by the embedded model: of whatever content, always of OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task, Trouble
from pegboard_llamacpp import tools
from pegboard_llamacpp.provider import LlamaCpp, Settings
from pegboard_llm.shapes import Merger

Ask: TypeAlias = Callable[..., LLMRequest]

QUESTION = "What is the weather in Paris?"


def tool(name: str, description: str = "", **properties: Any) -> Json:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = tool("weather", "The weather of a city.", city={"type": "string", "maxLength": 20})
ADD = tool("add", "Add numbers.", a={"enum": [1, 2]}, b={"$ref": "#/$defs/number"})
ADD["function"]["parameters"]["$defs"] = {"number": {"enum": [3, 4]}}
TOOLS = {"tools": [WEATHER, ADD], "max_tokens": 60}


def check(answer: Json) -> Json:
    """Return the one choice of an answer that is of the form which clients rely on."""
    [choice] = answer["choices"]
    message = choice["message"]
    if choice["finish_reason"] == "tool_calls":
        [call] = message["tool_calls"]
        assert call["type"] == "function" and call["id"]
        assert call["function"]["name"] in ("weather", "add")
        assert isinstance(json.loads(call["function"]["arguments"]), dict)
        assert message["content"] is None
    else:
        assert "tool_calls" not in message
        assert message["content"]
    return choice  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", {"weather", "add"}),
        ({"type": "function", "function": {"name": "add"}}, {"add"}),
    ],
    ids=["required", "named"],
)
def test_a_call_that_has_to_be_made_is_made_as_its_schema_says(
    provider: LlamaCpp, chat: Ask, choice: Any, names: set[str]
) -> None:
    asked = chat(QUESTION, **TOOLS, tool_choice=choice)
    found = check(provider.answer(asked))
    assert found["finish_reason"] == "tool_calls"
    [call] = found["message"]["tool_calls"]
    assert call["function"]["name"] in names
    arguments = json.loads(call["function"]["arguments"])
    if call["function"]["name"] == "add":
        assert arguments["a"] in (1, 2) and arguments["b"] in (3, 4) and len(arguments) == 2
    else:
        assert isinstance(arguments["city"], str) and len(arguments) == 1
    merger = Merger()
    for chunk in provider.events(asked):
        merger.add(chunk)
    [streamed] = check(merger.answer())["message"]["tool_calls"]
    assert streamed["function"] == call["function"]


def test_a_call_that_may_be_made_is_one_or_text(provider: LlamaCpp, chat: Ask) -> None:
    for more in ({}, {"tool_choice": "auto"}, {"tool_choice": "none"}):
        found = check(provider.answer(chat(QUESTION, **{**TOOLS, **more, "max_tokens": 12})))
        assert found["finish_reason"] != "tool_calls" or more != {"tool_choice": "none"}


def test_the_result_of_a_call_is_told_to_the_model(provider: LlamaCpp, chat: Ask) -> None:
    function = {"name": "weather", "arguments": '{"city": "Paris"}'}
    messages = [
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Rain, 7 degrees."},
    ]
    for more in (TOOLS, {"max_tokens": 60}):
        answer = provider.answer(chat("", messages=messages, **more))
        check(answer)
        assert answer["usage"]["prompt_tokens"] > 40


def test_a_call_that_is_cut_off_is_text(provider: LlamaCpp, chat: Ask) -> None:
    asked = chat(QUESTION, **{**TOOLS, "max_tokens": 3}, tool_choice="required")
    assert check(provider.answer(asked))["finish_reason"] == "length"


def test_models_whose_templates_know_tools_are_kept_to_a_choice_too(chat: Ask) -> None:
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if tools %}{{ tools | tojson }}{% endif %}<|im_start|>assistant\n"
    )
    made = LlamaCpp(Settings(context=512, chat_template=template))
    try:
        found = check(made.answer(chat(QUESTION, **TOOLS, tool_choice="required")))
        assert found["finish_reason"] == "tool_calls"
        check(made.answer(chat(QUESTION, **{**TOOLS, "max_tokens": 8})))
    finally:
        made.close()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "no"}}}, "tool_choice"),
        (
            {"tool_choice": "required", "response_format": {"type": "json_object"}},
            "response_format",
        ),
        (
            {"tools": [tool("weather", city={"type": "nonsense"})], "tool_choice": "required"},
            "tools",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ],
    ids=["no such tool", "a format", "no schema", "no function"],
)
def test_what_cannot_be_kept_to_is_refused_by_name(
    provider: LlamaCpp, chat: Ask, fields: Json, param: str
) -> None:
    with pytest.raises(LLMError) as refused:
        provider.answer(chat(QUESTION, **{**TOOLS, **fields}))
    assert refused.value.param == param
    assert refused.value.trouble in (Trouble.INVALID, Trouble.UNSUPPORTED)


CALL = '{"name": "add", "arguments": {"a": 1}}'


@pytest.mark.parametrize(
    ("pieces", "passed", "left"),
    [
        (["Hel", "lo {"], "Hello {", ""),
        ([" ", "\n", "Hi"], " \nHi", ""),
        ([CALL[:1], CALL[1:9], CALL[9:]], "", None),
        (["```", "json\n", CALL, "\n```"], "", None),
        (["<tool", "_call>", CALL, "</tool_call>"], "", None),
        (["``", "`python"], "```python", ""),
        (['{"name": "no"', "}"], "", '{"name": "no"}'),
        (['{"name": "add", "arguments": 3}'], "", '{"name": "add", "arguments": 3}'),
        (["{", "not JSON"], "", "{not JSON"),
        ([CALL, " and more"], "", f"{CALL} and more"),
        ([], "", ""),
    ],
)
def test_a_text_is_held_back_only_while_it_may_be_a_call(
    pieces: list[str], passed: str, left: str | None
) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [WEATHER, ADD]}
    answer = tools.Answer(LLMRequest(Task.CHAT, "m", body))
    assert "".join(answer.text(piece) for piece in pieces) == passed
    text, call = answer.end()
    if left is None:
        assert call is not None
        assert call["function"] == {"name": "add", "arguments": '{"a":1}'}
    else:
        assert (text, call) == (left, None)
