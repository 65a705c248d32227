"""Whatever a vendor sends as an answer, clients get it in their API's form or hear whose it was."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pegboard_gateway.entities import Outcome
from pegboard_gateway.settings import Breaker, Retries

from .plain_provider import endpoint
from .running import SECONDS, Running, running
from .upstream_fake import Behaviour, Exchange, FakeUpstream

MESSAGES = [{"role": "user", "content": "Hi"}]
CONTENTS: Any = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
FACES: dict[str, tuple[str, str, Any]] = {
    "openai": ("/v1/chat/completions", "", {"model": "chat", "messages": MESSAGES}),
    "responses": ("/v1/responses", "", {"model": "chat", "input": "Hi"}),
    "anthropic": (
        "/anthropic/v1/messages",
        "",
        {"model": "chat", "messages": MESSAGES, "max_tokens": 9},
    ),
    "gemini": (
        "/gemini/v1beta/models/chat:generateContent",
        "/gemini/v1beta/models/chat:streamGenerateContent",
        CONTENTS,
    ),
    "mlflow": ("/gateway/chat/mlflow/invocations", "", {"messages": MESSAGES}),
}
ODD: dict[str, Any] = {
    "no choices": {"choices": []},
    "nothing of them": {},
    "a choice of nothing": {"choices": [None]},
    "choices by name": {"choices": {"a": 1}},
    "a reason with parts": {"choices": [{"index": 0, "SAID": {}, "finish_reason": {"a": 1}}]},
    "text in parts": {"choices": [{"index": 0, "SAID": {"content": [{"type": "text"}]}}]},
    "a number for text": {"choices": [{"index": 0, "SAID": {"content": 7}}]},
    "a number for a call": {"choices": [{"index": 0, "SAID": {"tool_calls": [7]}}]},
    "a call of nothing": {"choices": [{"index": 0, "SAID": {"tool_calls": [{"function": None}]}}]},
    "arguments with parts": {
        "choices": [{"SAID": {"tool_calls": [{"id": 7, "function": {"arguments": {"a": 1}}}]}}]
    },
    "an index that is text": {"choices": [{"index": "0", "SAID": {"content": "x"}}]},
    "words for counts": {"choices": [{"index": 0, "SAID": {}}], "usage": {"prompt_tokens": "x"}},
    "a list for usage": {"choices": [{"index": 0, "SAID": {}}], "usage": [1]},
    "details of usage": {"choices": [], "usage": {"prompt_tokens_details": [1]}},
    "thoughts in parts": {"choices": [{"index": 0, "SAID": {"thinking_blocks": 7}}]},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        place = tmp_path_factory.mktemp("odd")
        patient = {"retries": Retries(attempts=1), "breaker": Breaker(failures=1_000)}
        with running(place, endpoint("chat", upstream.url, **patient)) as started:
            yield started


def saying(odd: Any) -> Behaviour:
    """Answer with something odd, whole or as the second event of a stream."""

    async def behave(exchange: Exchange) -> None:
        streams = bool(exchange.request.json.get("stream"))
        text = json.dumps(odd).replace('"SAID"', '"delta"' if streams else '"message"')
        if not streams:
            await exchange.whole(text.encode())
            return
        await exchange.stream_head()
        first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "So"}}]}
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        for event in (json.dumps(first), text, json.dumps(last), "[DONE]"):
            await exchange.chunk(f"data: {event}\n\n".encode())
        await exchange.end()

    return behave


def ask(gateway: Running, face: str, stream: bool) -> tuple[int, str]:
    whole, streamed, body = FACES[face]
    path = (streamed or whole) if stream else whole
    given = {**body, "stream": True} if stream and not streamed else body
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    connection.request("POST", path, json.dumps(given), {"Content-Type": "application/json"})
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("face", FACES)
def test_an_odd_answer_is_told_or_is_the_vendors_fault(
    gateway: Running, upstream: FakeUpstream, face: str, stream: bool
) -> None:
    failed = set()
    for name, odd in ODD.items():
        gateway.notes.records.clear()
        upstream.next(saying(odd))
        status, text = ask(gateway, face, stream)
        [record] = gateway.notes.wait()
        assert (status == 200) if stream else (status in (200, 502)), (name, text)
        named = "the provider 'plain'" in text.lower()
        if record.outcome is Outcome.DONE:
            assert status == 200 and record.trouble == "" and not named, (name, text)
        else:
            failed.add(name)
            assert record.outcome is Outcome.FAILED and named, (name, text)
            assert record.trouble == "upstream_garbage" and record.status == status, name
            # It is settled all the same: the vendor has worked.
            assert gateway.notes.events[-1][0] == "settle"
    if face not in ("openai", "mlflow"):
        assert failed >= {"a choice of nothing", "a number for a call"}
