"""The other faces, asked by their vendors' clients: every face reaches every provider."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import LLMError, Task
from pegboard_gateway.faces import gemini_contents, messages, response_items
from pegboard_llm import checks
from pydantic import BaseModel

from . import upstream_fake as fakes
from .plain_provider import endpoint
from .running import SECONDS, Running, running
from .upstream_fake import Behaviour, Exchange, FakeUpstream

SAID = "".join(fakes.WORDS)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS}
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Running]:
    with running(tmp_path, endpoint("chat", upstream.url)) as started:
        yield started


def thinking_and_calling() -> Behaviour:
    """Answer with a thought, a word and the calls of two tools, whole or in pieces."""
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
    ]
    arguments = ['{"city": "Bern"}', '{"city": "Rome"}']

    def chunk(delta: Any, reason: str | None = None) -> Any:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def pieces() -> Iterator[Any]:
        yield chunk({"role": "assistant", "reasoning_content": "Hm"})
        yield chunk({"reasoning_content": "m."})
        yield chunk({"content": "I "})
        yield chunk({"content": "look."})
        for number, call in enumerate(calls):
            yield chunk({"tool_calls": [{"index": number, **call}]})
            for part in (arguments[number][:7], arguments[number][7:]):
                more = {"index": number, "function": {"arguments": part}}
                yield chunk({"tool_calls": [more]})
        yield chunk({}, "tool_calls")
        yield {"choices": [], "usage": USAGE}

    async def behave(exchange: Exchange) -> None:
        base = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        if exchange.request.json.get("stream"):
            await exchange.stream_head()
            for piece in pieces():
                piece = {**base, "object": "chat.completion.chunk", **piece}
                await exchange.chunk(b"data: " + json.dumps(piece).encode() + b"\n\n")
            await exchange.chunk(b"data: [DONE]\n\n")
            await exchange.end()
            return
        whole = [
            {**call, "function": {"name": "weather", "arguments": given}}
            for call, given in zip(calls, arguments, strict=True)
        ]
        message = {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hmm.",
            "tool_calls": whole,
        }
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        await exchange.whole({**base, "choices": [choice], "usage": USAGE})

    return behave


# -- responses -----------------------------------------------------------------------------------


def test_a_response_is_created(gateway: Running, upstream: FakeUpstream) -> None:
    found = gateway.openai().responses.create(
        model="chat", input="Hi", instructions="Be kind.", temperature=0.5, max_output_tokens=9
    )
    assert found.output_text == SAID and found.status == "completed"
    assert found.usage is not None and found.usage.total_tokens == 13
    assert upstream.requests[0].json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
        ],
        "temperature": 0.5,
        "max_completion_tokens": 9,
    }


def test_a_response_calls_tools_and_goes_on(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(thinking_and_calling())
    client = gateway.openai("/gateway/openai/v1")
    tools: Any = [{"type": "function", "strict": False, **TOOL}]
    asked: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]}]
    found = client.responses.create(model="chat", input=asked, tools=tools, tool_choice="required")
    kinds = [item.type for item in found.output]
    assert kinds == ["reasoning", "message", "function_call", "function_call"]
    assert found.usage is not None
    assert found.usage.output_tokens_details.reasoning_tokens == 4
    asked += [item.model_dump(exclude_none=True) for item in found.output]
    for item in found.output:
        if item.type == "function_call":
            assert json.loads(item.arguments)["city"] in ("Bern", "Rome")
            asked.append(
                {"type": "function_call_output", "call_id": item.call_id, "output": "Sun."}
            )
    assert client.responses.create(model="chat", input=asked, tools=tools).output_text == SAID
    sent = upstream.requests[1].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["call_1", "call_2"]
    assert sent[1]["content"] == [{"type": "text", "text": "I look."}]


def test_a_response_is_streamed(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(fakes.CHAT, thinking_and_calling())
    client = gateway.openai()
    with client.responses.stream(model="chat", input="Hi") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == SAID
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    with client.responses.stream(model="chat", input="Hi") as stream:
        numbers = [event.sequence_number for event in stream]
        last = stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    calls = [item for item in last.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Bern"}, {"city": "Rome"}]
    assert last.usage is not None and last.usage.input_tokens_details.cached_tokens == 5


class Place(BaseModel):
    city: str


def test_a_response_has_a_structure(gateway: Running, upstream: FakeUpstream) -> None:
    content = {"role": "assistant", "content": '{"city": "Bern"}'}
    choice = {"index": 0, "message": content, "finish_reason": "stop"}
    upstream.next(fakes.reply(200, {"id": "1", "model": "m", "choices": [choice], "usage": USAGE}))
    found = gateway.openai().responses.parse(model="chat", input="Where?", text_format=Place)
    assert found.output_parsed == Place(city="Bern")
    wanted = upstream.requests[0].json["response_format"]
    assert wanted["type"] == "json_schema" and wanted["json_schema"]["name"] == "Place"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"store": True}, "store"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ],
)
def test_what_a_response_cannot_have_is_said(gateway: Running, more: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        gateway.openai().responses.create(**{"model": "chat", "input": "Hi", **more})
    assert caught.value.param == param


def test_a_response_that_breaks_fails(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(fakes.cut(2))
    stream = gateway.openai().responses.create(model="chat", input="Hi", stream=True)
    events = list(stream)
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert events[-1].response.output[0].content[0].text == "Hello from"  # type: ignore[union-attr]


# -- Anthropic -----------------------------------------------------------------------------------


def test_a_message_is_answered(gateway: Running, upstream: FakeUpstream) -> None:
    found = gateway.anthropic().messages.create(
        model="chat",
        max_tokens=9,
        system="Be kind.",
        stop_sequences=["x"],
        messages=[{"role": "user", "content": "Hi"}],
    )
    assert found.content[0].type == "text" and found.content[0].text == SAID
    assert (found.stop_reason, found.usage.input_tokens, found.usage.output_tokens) == (
        "end_turn",
        7,
        6,
    )
    assert upstream.requests[0].json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
        ],
        "max_tokens": 9,
        "stop": ["x"],
    }


ANTHROPIC_TOOL: Any = {"name": "weather", "description": "Tells it.", "input_schema": PARAMETERS}


def test_a_message_calls_tools_and_goes_on(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(thinking_and_calling())
    client = gateway.anthropic()
    asked: list[Any] = [{"role": "user", "content": "Weather?"}]
    more: Any = {"model": "chat", "max_tokens": 99, "tools": [ANTHROPIC_TOOL]}
    found = client.messages.create(messages=asked, tool_choice={"type": "any"}, **more)
    assert [block.type for block in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert found.stop_reason == "tool_use"
    assert (found.usage.input_tokens, found.usage.cache_read_input_tokens) == (15, 5)
    calls = [block for block in found.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Bern"}, {"city": "Rome"}]
    asked.append({"role": "assistant", "content": [b.model_dump() for b in found.content[1:]]})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "Sun."} for call in calls]
    asked.append({"role": "user", "content": [*results, {"type": "text", "text": "Well?"}]})
    client.messages.create(messages=asked, **more)
    sent = upstream.requests[1].json["messages"]
    roles = [message["role"] for message in sent]
    assert roles == ["user", "assistant", "tool", "tool", "user"]
    assert upstream.requests[0].json["tool_choice"] == "required"


def test_a_message_is_streamed(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(fakes.CHAT, thinking_and_calling())
    client = gateway.anthropic()
    asked: Any = [{"role": "user", "content": "Hi"}]
    with client.messages.stream(model="chat", max_tokens=9, messages=asked) as stream:
        assert "".join(stream.text_stream) == SAID
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 6
    with client.messages.stream(model="chat", max_tokens=9, messages=asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [b.input for b in final.content if b.type == "tool_use"] == [
        {"city": "Bern"},
        {"city": "Rome"},
    ]
    assert final.stop_reason == "tool_use"


def test_errors_have_anthropics_form(gateway: Running, upstream: FakeUpstream) -> None:
    client = gateway.anthropic()
    asked: Any = [{"role": "user", "content": "Hi"}]
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="none", max_tokens=9, messages=asked)
    assert caught.value.body == {
        "type": "error",
        "error": {
            "type": "not_found_error",
            "message": "There is no endpoint 'none'. GET /v1/models lists those that there are.",
        },
    }
    upstream.next(fakes.cut(2))
    with pytest.raises(anthropic.APIStatusError) as broken:
        list(client.messages.create(model="chat", max_tokens=9, messages=asked, stream=True))
    assert "closed the connection" in str(broken.value)


def test_tokens_are_estimated(gateway: Running, upstream: FakeUpstream) -> None:
    asked: Any = [{"role": "user", "content": "Hi " * 100}]
    found = gateway.anthropic().messages.count_tokens(model="chat", messages=asked)
    assert 50 < found.input_tokens < 200 and not upstream.requests


# -- Gemini --------------------------------------------------------------------------------------


def generate(gateway: Running, method: str, body: Any, name: str = "chat") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    path = f"/gemini/v1beta/models/{name}:{method}"
    headers = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


HI: Any = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_content_is_generated(gateway: Running, upstream: FakeUpstream) -> None:
    status, content = generate(
        gateway,
        "generateContent",
        {
            **HI,
            "system_instruction": {"parts": [{"text": "Be kind."}]},
            "generationConfig": {"maxOutputTokens": 9, "temperature": 0, "stop_sequences": ["x"]},
        },
    )
    found = json.loads(content)
    assert status == 200
    assert found["candidates"] == [
        {
            "content": {"role": "model", "parts": [{"text": SAID}]},
            "index": 0,
            "finishReason": "STOP",
        }
    ]
    assert found["usageMetadata"] == {
        "promptTokenCount": 7,
        "candidatesTokenCount": 6,
        "totalTokenCount": 13,
    }
    assert upstream.requests[0].json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ],
        "max_tokens": 9,
        "temperature": 0,
        "stop": ["x"],
    }


def test_content_calls_functions(gateway: Running, upstream: FakeUpstream) -> None:
    upstream.next(thinking_and_calling())
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}}
    function = {"name": "weather", "description": "Tells it.", "parameters": schema}
    body = {**HI, "tools": [{"function_declarations": [function]}]}
    _, content = generate(gateway, "generateContent", body)
    parts = json.loads(content)["candidates"][0]["content"]["parts"]
    assert [next(iter(part.keys() - {"thought"})) for part in parts] == [
        "text",
        "text",
        "functionCall",
        "functionCall",
    ]
    sent = upstream.requests[0].json["tools"][0]["function"]["parameters"]
    assert sent == {"type": "object", "properties": {"city": {"type": ["string", "null"]}}}
    results = [
        {"functionResponse": {"name": "weather", "response": {"sky": sky}}} for sky in ("a", "b")
    ]
    contents = [*HI["contents"], {"role": "model", "parts": parts}, {"parts": results}]
    generate(gateway, "generateContent", {**body, "contents": contents})
    sent = upstream.requests[1].json["messages"]
    assert [message.get("tool_call_id") for message in sent] == [None, None, "call_1", "call_2"]


@pytest.mark.parametrize("form", ["?alt=sse", ""])
def test_content_is_streamed(gateway: Running, upstream: FakeUpstream, form: str) -> None:
    upstream.next(fakes.CHAT, thinking_and_calling(), fakes.cut(2))
    found = []
    for _ in range(3):
        status, content = generate(gateway, f"streamGenerateContent{form}", HI)
        assert status == 200
        if form:
            events = content.decode().split("\r\n\r\n")
            assert events.pop() == ""
            found.append([json.loads(event.removeprefix("data: ")) for event in events])
        else:
            found.append(json.loads(content))
    words = [
        part["text"] for item in found[0] for part in item["candidates"][0]["content"]["parts"]
    ]
    assert "".join(words) == SAID
    assert found[0][-1]["candidates"][0]["finishReason"] == "STOP"
    assert found[0][-1]["usageMetadata"]["totalTokenCount"] == 13
    calls = found[1][-1]["candidates"][0]["content"]["parts"]
    assert [call["functionCall"]["args"]["city"] for call in calls] == ["Bern", "Rome"]
    assert found[2][-1]["error"]["code"] == 502


def test_errors_have_geminis_form(gateway: Running) -> None:
    status, content = generate(gateway, "generateContent", HI, "none")
    assert status == 404 and json.loads(content)["error"]["status"] == "NOT_FOUND"
    status, content = generate(gateway, "generateContent", {**HI, "safetySettings": []})
    assert status == 400 and json.loads(content)["error"]["status"] == "INVALID_ARGUMENT"


# -- bodies of all kinds -------------------------------------------------------------------------

WORDS = (
    "messages role content type text tools name input_schema input parts contents image url "
    "functionCall source data arguments call_id output thinking tool_choice system message "
    "tool_result function_call reasoning generationConfig functionDeclarations parameters "
    "user assistant function id tool_use_id inlineData mimeType budget_tokens format"
)
NAMES = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | NAMES | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, JSON, max_size=6)


@settings(max_examples=300)
@given(BODIES, st.sampled_from([messages.read, response_items.read, gemini_contents.read]))
def test_any_body_is_translated_or_refused(body: Any, read: Any) -> None:
    try:
        made = read({"max_tokens": 1, **body} if read is messages.read else body)
        checks.checked(Task.CHAT, made, "m")
    except LLMError as error:
        assert error.trouble.status == 400


@pytest.mark.parametrize("field", sorted(("api_base", "api_key", "base_url", "headers", "proxy")))
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/anthropic/v1/messages"]
)
def test_a_body_does_not_choose_the_upstream(
    gateway: Running, upstream: FakeUpstream, field: str, path: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    body = {
        "model": "chat",
        "messages": [{"role": "user", "content": "Hi"}],
        "input": "Hi",
        "max_tokens": 5,
        field: "http://127.0.0.1:1/",
    }
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 400 and field in response.read().decode()
    assert not upstream.requests


def _names(found: Sequence[Any]) -> list[str]:
    return [each.id for each in found]


def test_models_are_listed(gateway: Running) -> None:
    client = gateway.openai()
    assert _names(client.models.list().data) == ["chat"]
    assert client.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
