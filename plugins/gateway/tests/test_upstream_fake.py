"""The fake upstream is what other tests believe it to be."""

from __future__ import annotations

import http.client
import json
import urllib.request

import openai
import pytest

from . import upstream_fake as fakes
from .upstream_fake import FakeUpstream


def client_of(upstream: FakeUpstream) -> openai.OpenAI:
    return openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0)


MESSAGES = [{"role": "user", "content": "Hi"}]


def test_it_speaks_openais_api(upstream: FakeUpstream) -> None:
    client = client_of(upstream)
    chat = client.chat.completions.create(model="small", messages=MESSAGES)  # type: ignore[call-overload]
    assert chat.choices[0].message.content == "".join(fakes.WORDS)
    stream = client.chat.completions.create(  # type: ignore[call-overload]
        model="small", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    events = list(stream)
    words = [event.choices[0].delta.content for event in events if event.choices]
    assert words == [*fakes.WORDS, None]
    assert events[-1].usage.total_tokens == fakes.USAGE["total_tokens"]
    assert client.embeddings.create(model="e", input=["a", "b"]).data[1].embedding
    assert client.completions.create(model="c", prompt="Hi").choices[0].text
    assert [request.path for request in upstream.requests] == [
        "/v1/chat/completions",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/completions",
    ]


def test_it_misbehaves_once_or_for_a_model(upstream: FakeUpstream) -> None:
    upstream.next(fakes.rate(retry_after=2), fakes.CHAT)
    upstream.always(fakes.failing(500), model="bad")
    client = client_of(upstream)
    with pytest.raises(openai.RateLimitError) as caught:
        client.embeddings.create(model="bad", input="a")
    assert caught.value.response.headers["retry-after"] == "2"
    client.embeddings.create(model="bad", input="a")
    with pytest.raises(openai.InternalServerError):
        client.embeddings.create(model="bad", input="a")
    client.embeddings.create(model="good", input="a")


def test_it_knows_that_a_client_has_gone(upstream: FakeUpstream) -> None:
    upstream.next(fakes.silent)
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port)
    connection.request("POST", "/v1/chat/completions", b"{}")
    upstream.wait_for_requests(1)
    connection.close()
    assert upstream.requests[0].gone.wait(fakes.SECONDS)
    upstream.wait(lambda: upstream.open == 0)


@pytest.mark.parametrize(
    "behaviour",
    [fakes.hang_up, fakes.garbage, fakes.truncated, fakes.cut(2)],
    ids=["hang up", "garbage", "truncated", "cut"],
)
def test_it_breaks_connections(upstream: FakeUpstream, behaviour: fakes.Behaviour) -> None:
    upstream.next(behaviour)
    request = urllib.request.Request(
        f"{upstream.url}/chat/completions", json.dumps({"model": "m"}).encode()
    )
    with pytest.raises((http.client.HTTPException, OSError)):
        urllib.request.urlopen(request).read()
