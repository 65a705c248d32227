"""What a call cost is told to who asked, by the clients of the APIs as they are."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pegboard_gateway.settings import Cache, Price

from . import upstream_fake as fakes
from .plain_provider import endpoint, target
from .running import Running, running
from .upstream_fake import FakeUpstream

HEADER = "x-pegboard-response-cost"
MESSAGES: Any = [{"role": "user", "content": "Hi"}]
COST = "0.0019"
"""Of seven tokens at 100 dollars a million, and six at 200."""


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Running]:
    def priced(name: str, **more: Any) -> Any:
        made = target(f"{name}/0", upstream.url, price=Price(input=100, output=200))
        return endpoint(name, targets=(made,), **more)

    unpriced = target("mixed/0", upstream.url, "broken")
    known = target("mixed/1", upstream.url, price=Price(input=100, output=200), fallback_order=1)
    with running(
        tmp_path,
        priced("chat"),
        priced("kept", cache=Cache()),
        endpoint("unknown", upstream.url),
        endpoint("mixed", targets=(unpriced, known)),
    ) as started:
        yield started


def asked(gateway: Running, model: str, **more: Any) -> Any:
    return gateway.openai().chat.completions.with_raw_response.create(
        model=model, messages=MESSAGES, **more
    )


def test_a_whole_answer_tells_its_cost_in_a_header(gateway: Running) -> None:
    found = asked(gateway, "chat")
    assert found.headers[HEADER] == COST
    assert found.headers["content-type"] == "application/json"
    assert found.parse().choices[0].message.content == "".join(fakes.WORDS)
    client = gateway.openai()
    told = client.embeddings.with_raw_response.create(
        model="chat", input=["a"] * 40, encoding_format="float"
    )
    assert told.headers[HEADER] and len(told.parse().data) == 40
    claude = gateway.anthropic().messages.with_raw_response.create(
        model="chat", max_tokens=9, messages=MESSAGES
    )
    assert claude.headers[HEADER] == COST and claude.parse().usage.output_tokens == 6


CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
ROUTES = [
    ("/endpoints/{}/invocations", {"messages": MESSAGES}),
    ("/gateway/{}/mlflow/invocations", {"messages": MESSAGES}),
    ("/gemini/v1/models/{}:generateContent", CONTENTS),
    ("/gemini/v1beta/models/{}:generateContent", CONTENTS),
    ("/gateway/gemini/v1beta/models/{}:generateContent", CONTENTS),
    ("/v1/responses", {"input": "Hi"}),
    ("/gateway/openai/v1/responses", {"input": "Hi"}),
]


def post(gateway: Running, path: str, body: Any, model: str) -> Any:
    """Ask a model by a route; return the answer, open."""
    named = body if "{}" in path else {**body, "model": model}
    url = gateway.url + path.format(model)
    request = urllib.request.Request(url, json.dumps(named).encode())
    return urllib.request.urlopen(request, timeout=fakes.SECONDS)


@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_all_routes_tell_it_and_record_it(path: str, body: Any, gateway: Running) -> None:
    found = []
    for model in ("chat", "unknown", "kept", "kept"):
        with post(gateway, path, body, model) as answer:
            found.append(answer.headers[HEADER])
    assert found == [COST, None, COST, "0"]
    costs = [None if each.is_unpriced else each.cost for each in gateway.notes.wait(4)]
    assert costs == [1_900_000, None, 1_900_000, 0]


STREAMS = [
    ("/anthropic/v1/messages", {"messages": MESSAGES, "max_tokens": 9, "stream": True}, "usage"),
    ("/gemini/v1beta/models/{}:streamGenerateContent?alt=sse", CONTENTS, "usageMetadata"),
    ("/gemini/v1/models/{}:streamGenerateContent", CONTENTS, "usageMetadata"),
    ("/v1/responses", {"input": "Hi", "stream": True}, "usage"),
]


@pytest.mark.parametrize(("path", "body", "field"), STREAMS)
def test_streams_of_all_apis_tell_it_in_their_usage(
    path: str, body: Any, field: str, gateway: Running, upstream: FakeUpstream
) -> None:
    def told(model: str) -> list[Any]:
        with post(gateway, path, body, model) as answer:
            text = answer.read().decode()
        return re.findall(rf'"{field}":{{[^}}]*(?:{{[^}}]*}}[^}}]*)*"cost":([^,}}]+)', text)

    assert [told(model) for model in ("chat", "kept", "kept")] == [["0.0019"], ["0.0019"], ["0.0"]]
    assert told("unknown") == []
    # What broke off before its vendor counted is estimated in the record, and not told.
    upstream.always(fakes.cut(2))
    assert told("chat") == []


def test_clients_of_anthropic_and_openai_find_it_in_their_streams(gateway: Running) -> None:
    with gateway.anthropic().messages.stream(
        model="chat", max_tokens=9, messages=MESSAGES
    ) as stream:
        found: list[Any] = [each for each in stream if each.type == "message_delta"]
    assert found[-1].usage.cost == 0.0019
    events: list[Any] = list(
        gateway.openai().responses.create(model="chat", input="Hi", stream=True)
    )
    assert events[-1].response.usage.cost == 0.0019


def test_a_stream_tells_it_with_the_usage_that_was_asked_for(gateway: Running) -> None:
    for model, cost in (("chat", 0.0019), ("unknown", None)):
        events = list(
            gateway.openai().chat.completions.create(
                model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
        )
        usage: Any = events[-1].usage
        assert usage.total_tokens == 13
        assert getattr(usage, "cost", None) == cost
        assert all(event.usage is None for event in events[:-1])
    plain = gateway.openai().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert all(event.usage is None for event in plain)


def test_what_nobody_knows_is_not_told(gateway: Running, upstream: FakeUpstream) -> None:
    assert HEADER not in asked(gateway, "unknown").headers
    # The first target may have worked before it broke off, and nobody knows its price.
    upstream.always(fakes.truncated, model="broken")
    found = asked(gateway, "mixed")
    assert found.parse().choices[0].message.content == "".join(fakes.WORDS)
    assert HEADER not in found.headers


def test_what_is_kept_costs_nothing(gateway: Running) -> None:
    found = [asked(gateway, "kept") for _ in range(2)]
    assert [each.headers[HEADER] for each in found] == [COST, "0"]
    assert found[0].parse().choices == found[1].parse().choices
    costs = []
    for _ in range(2):
        events = gateway.openai().chat.completions.create(
            model="kept", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        usage: Any = list(events)[-1].usage
        costs.append(usage.cost)
    assert costs == [0.0019, 0]


def test_it_is_described(gateway: Running) -> None:
    with urllib.request.urlopen(f"{gateway.url}/openapi.json", timeout=fakes.SECONDS) as answer:
        paths = json.load(answer)["paths"]
    chats = paths["/v1/chat/completions"]["post"]["responses"]["200"]["headers"]
    assert "US dollars" in chats[HEADER]["description"]
    assert "headers" not in paths["/v1/models"]["get"]["responses"]["200"]


def test_what_is_kept_is_answered_at_once_and_recorded(gateway: Running) -> None:
    """By the quick lane: whole and streamed, with the same content as the first time."""
    first = asked(gateway, "kept", temperature=0.25)
    lane = gateway.app.router.fixed[b"/v1/chat/completions"]["POST"]
    assert lane.is_quick
    again = asked(gateway, "kept", temperature=0.25)
    assert again.headers["content-length"] == str(len(again.content))
    assert again.parse() == first.parse()
    streams = [
        gateway.openai().chat.completions.with_raw_response.create(
            model="kept", messages=MESSAGES, stream=True, temperature=0.25
        )
        for _ in range(2)
    ]
    assert "content-length" not in streams[0].headers
    assert streams[1].headers["content-length"], "it is sent as a whole"
    assert streams[1].headers["content-type"] == "text/event-stream"
    texts = [[event.choices[0].delta.content for event in each.parse()] for each in streams]
    assert texts[0] == texts[1] == [*fakes.WORDS, None]
    outcomes = [record.outcome for record in gateway.notes.wait(4)]
    assert outcomes.count("cached") == 2 and outcomes.count("done") == 2
    # What is wrong is refused as ever.
    with pytest.raises(openai.BadRequestError, match="temperature"):
        asked(gateway, "kept", temperature="warm")
