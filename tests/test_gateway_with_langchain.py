"""The gateway as LangChain sees it: its chat model for OpenAI, and its embeddings."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from gateway import UPSTREAM_KEY, Served, fake, serving
from peers import interpreter

ENDPOINT = """
[[gateway.endpoints]]
name = "NAME"
provider = "openai"
model = "NAME"
api_key = "KEY"
base_url = "UPSTREAM"
retries = { attempts = 1, total = 1 }
"""
MODELS = ("chat", "tools", "form", "rate", "broken", "cut")
WORDS = "".join(fake.WORDS)
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
}
FORM = '{"city": "Rome", "degrees": 21}'
CODE = """
import asyncio, json, os
import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

here = {"base_url": os.environ["GATEWAY"] + "/v1", "api_key": "sk-of-the-client"}
answer = {}

class Weather(BaseModel):
    city: str
    degrees: int

@tool
def weather(city: str) -> str:
    "Tells how warm a city is."
    return f"21 in {city}"

def chat(model, **more):
    return ChatOpenAI(model=model, max_retries=0, **here, **more)

def told(message):
    return [message.content, message.usage_metadata["total_tokens"]]

def whole(pieces):
    made = None
    for piece in pieces:
        made = piece if made is None else made + piece
    return made

def used(model, said):
    first = model.invoke(said) if model is not streaming else whole(model.stream(said))
    results = [weather.invoke(call) for call in first.tool_calls]
    last = model.invoke([*said, first, *results])
    return [[[c["name"], c["args"]] for c in first.tool_calls], results[0].content, last.content]

async def several():
    found = await asyncio.gather(*(chat("chat").ainvoke("Hello") for _ in range(3)))
    made = whole([piece async for piece in chat("chat", stream_usage=True).astream("Hello")])
    return [told(each) for each in (*found, made)]

answer["chat"] = told(chat("chat", temperature=0).invoke("Hello"))
answer["stream"] = told(whole(chat("chat", stream_usage=True).stream("Hello")))
answer["async"] = asyncio.run(several())
said = [HumanMessage("How warm is Rome?")]
bound = chat("tools").bind_tools([weather], tool_choice="any")
streaming = chat("tools", stream_usage=True).bind_tools([weather])
answer["tools"] = used(bound, said)
answer["streamed tools"] = used(streaming, said)
for method in ("json_schema", "json_mode"):
    found = chat("form").with_structured_output(Weather, method=method).invoke("How is it in Rome?")
    answer[method] = found.model_dump()
answer["embeddings"] = OpenAIEmbeddings(
    model="chat", check_embedding_ctx_length=False, **here).embed_documents(["a", "b"])

def refused(name, act):
    try:
        act()
    except openai.APIError as error:
        # LangChain's own classes are below OpenAI's.
        kind = next(each for each in type(error).__mro__ if each.__module__.startswith("openai"))
        status = getattr(error, "status_code", None)
        answer[name] = [kind.__name__, status, error.code, str(error)]

refused("none", lambda: chat("nothing").invoke("Hello"))
refused("wrong", lambda: chat("chat", temperature=9).invoke("Hello"))
refused("rate", lambda: chat("rate").invoke("Hello"))
refused("broken", lambda: chat("broken").invoke("Hello"))
refused("cut", lambda: whole(chat("cut").stream("Hello")))
print(json.dumps(answer))
"""


async def using_tools(exchange: Any) -> None:
    """Call a tool, and say how it went once its result has come."""
    asked = exchange.request.json
    ends = asked["messages"][-1]["role"] == "tool"
    message: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    if ends:
        message = {"role": "assistant", "content": asked["messages"][-1]["content"]}
    base = {"id": "c", "created": 1, "model": "tools"}
    why = "stop" if ends else "tool_calls"
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": why}
        whole = {"object": "chat.completion", "choices": [choice], "usage": fake.USAGE}
        await exchange.whole({**base, **whole})
        return
    name, arguments = CALL["function"]["name"], CALL["function"]["arguments"]  # type: ignore[index]
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [{**CALL, "index": 0, "function": {"name": name}}]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": ch}}]} for ch in arguments),
    ]
    await exchange.stream_head()
    for delta in (*deltas, {}):
        finish = None if delta else why
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        event = {**base, "object": "chat.completion.chunk", "choices": choices}
        await exchange.chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
    await exchange.chunk(b"data: [DONE]\n\n")
    await exchange.end()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    text = "".join(ENDPOINT.replace("NAME", name) for name in MODELS)
    with serving(tmp_path_factory.mktemp("gateway"), pegboard_toml=text) as running:
        upstream = running.upstream
        choice = {"index": 0, "finish_reason": "stop"}
        message = {"role": "assistant", "content": FORM}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "form"}
        form = {**whole, "choices": [{**choice, "message": message}], "usage": fake.USAGE}
        upstream.always(using_tools, model="tools")
        upstream.always(fake.reply(200, form), model="form")
        upstream.always(fake.rate(7), model="rate")
        upstream.always(fake.failing(500), model="broken")
        upstream.always(fake.cut(2), model="cut")
        upstream.release()
        yield running


@pytest.fixture(scope="module")
def found(served: Served) -> dict[str, Any]:
    """Return what LangChain made of the answers; to import it takes longer than to ask."""
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(
        [interpreter("langchain"), "-c", CODE],
        cwd=served.place,
        env={**environment, "GATEWAY": served.url, "LANGSMITH_TRACING": "false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


ANSWERED = [WORDS, fake.USAGE["total_tokens"]]
USED = [[["weather", {"city": "Rome"}]], "21 in Rome", "21 in Rome"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", ANSWERED),
        ("stream", ANSWERED),
        ("async", [ANSWERED] * 4),
        ("tools", USED),
        ("streamed tools", USED),
        ("json_schema", json.loads(FORM)),
        ("json_mode", json.loads(FORM)),
        ("embeddings", [list(fake.EMBEDDING)] * 2),
    ],
)
def test_langchain_reads_what_the_gateway_answers(
    found: dict[str, Any], name: str, expected: Any
) -> None:
    assert found[name] == expected


@pytest.mark.parametrize(
    ("name", "kind", "status", "code", "said"),
    [
        ("none", "NotFoundError", 404, "model_not_found", "There is no endpoint 'nothing'"),
        ("wrong", "BadRequestError", 400, None, "temperature"),
        ("rate", "RateLimitError", 429, "rate_limit_exceeded", ""),
        ("broken", "InternalServerError", 502, "upstream_error", ""),
        ("cut", "APIError", None, "upstream_cut", "the endpoint 'cut'"),
    ],
)
def test_langchain_understands_the_gateways_errors(
    found: dict[str, Any], name: str, kind: str, status: int | None, code: str | None, said: str
) -> None:
    assert found[name][:3] == [kind, status, code]
    assert said in found[name][3]


def test_the_upstream_hears_what_langchain_asked_for_and_not_its_key(
    served: Served, found: dict[str, Any]
) -> None:
    sent = [each.json for each in served.upstream.requests]
    tools = [each for each in sent if each["model"] == "tools"]
    assert tools[0]["tools"][0]["function"]["name"] == "weather"
    assert tools[0]["tool_choice"] == "required"
    assert tools[1]["messages"][-1]["tool_call_id"] == "call_1"
    forms = [each["response_format"] for each in sent if each["model"] == "form"]
    assert [form["type"] for form in forms] == ["json_schema", "json_object"]
    assert forms[0]["json_schema"]["schema"]["required"] == ["city", "degrees"]
    for each in served.upstream.requests:
        assert each.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert UPSTREAM_KEY not in json.dumps(found) + served.log
