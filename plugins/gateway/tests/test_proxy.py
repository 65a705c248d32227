"""Calls that go to a vendor as they are: only where they may, counted, and with one key."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pegboard.settings import Secret
from pegboard_gateway.catalog.contract import GatewayEndpoint
from pegboard_gateway.entities import Outcome
from pegboard_gateway.settings import Guardrail, Price, Retries
from pegboard_providers.openai import OpenAI, OpenAISettings

from . import upstream_fake as fakes
from .plain_provider import Here, Settings, endpoint, target
from .running import SECONDS, Running, running
from .upstream_fake import Behaviour, Exchange, FakeUpstream

KEY = "sk-marker-upstream"
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
PRICE = Price(input=1, output=2)


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        own: Any = {
            "proxy": ("chat/completions", "files/*", "systemone"),
            "retries": Retries(attempts=1),
        }
        url = upstream.url
        openai = OpenAI(OpenAISettings(api_key=Secret(KEY), base_url=url))
        made = [
            endpoint("vendor", targets=(target("vendor/0", url, price=PRICE),), **own),
            endpoint("closed", url),
            endpoint("guarded", url, guardrails=(Guardrail("pii"),), proxy=("*",)),
            GatewayEndpoint(
                "real",
                (target("real/0", url).__class__("real/0", "openai", "gpt-4o-mini", openai),),
                proxy=("chat/*",),
            ),
            GatewayEndpoint(
                "here",
                (target("here/0", url).__class__("here/0", "here", "m", Here(Settings(url))),),
                proxy=("*",),
            ),
        ]
        with running(tmp_path_factory.mktemp("proxy"), *made) as started:
            yield started


@pytest.fixture(autouse=True)
def _fresh(gateway: Running, upstream: FakeUpstream) -> None:
    gateway.notes.records.clear()
    gateway.notes.events.clear()
    upstream.requests.clear()


def post(gateway: Running, path: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    content = body if isinstance(body, bytes) else json.dumps(body or CHAT).encode()
    given = {"Content-Type": "application/json", **headers}
    connection.request("POST", path, content, given)
    response = connection.getresponse()
    found = response.status, response.headers.get("content-type", ""), response.read().decode()
    connection.close()
    return found


def saying(body: Any, media_type: str = "application/json") -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.whole(body, 200, {"content-type": media_type})

    return behave


def test_a_call_is_passed_on_with_the_targets_key_and_model(
    gateway: Running, upstream: FakeUpstream
) -> None:
    body = {**CHAT, "a field of the vendor": {"x": 1}}
    headers = {"Authorization": "Bearer client", "X-Api-Key": "client", "Cookie": "a=b"}
    status, kind, text = post(gateway, "/gateway/proxy/vendor/chat/completions", body, **headers)
    assert (status, kind) == (200, "application/json")
    assert json.loads(text)["choices"][0]["message"]["content"] == "".join(fakes.WORDS)
    [sent] = upstream.requests
    assert sent.path.endswith("/chat/completions") and sent.json == {**body, "model": "small"}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert not {"x-api-key", "cookie"} & sent.headers.keys()
    [record] = gateway.notes.wait()
    assert (record.outcome, record.face, record.endpoint) == (Outcome.DONE, "proxy", "vendor")
    assert (record.tokens.input, record.tokens.output) == (7, 6)
    assert record.cost == 7 * 1_000 + 6 * 2_000
    # It was reserved before: more than what was sent, and the longest answer that there is, for
    # a client may call its limit whatever it likes.
    assert gateway.notes.events[0][2] > 5 * 2_000
    found = []
    for several in (
        {},
        {"n": 3},
        {"generationConfig": {"candidateCount": 3}},
        {"prompt": ["a"] * 3},
    ):
        gateway.notes.events.clear()
        post(gateway, "/gateway/proxy/real/chat/completions", {**body, **several})
        found.append(gateway.notes.events[0][2])
    assert min(found[1:]) > 2.9 * found[0]


def test_a_stream_is_passed_back_as_it_comes(gateway: Running, upstream: FakeUpstream) -> None:
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    status, kind, text = post(gateway, "/gateway/proxy/vendor/chat/completions", body)
    assert (status, kind.partition(";")[0]) == (200, "text/event-stream")
    assert text.endswith("data: [DONE]\n\n") and text.count("data: ") == len(fakes.WORDS) + 3
    [record] = gateway.notes.wait()
    assert (record.tokens.input, record.tokens.output, record.stream) == (7, 6, True)


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ({"usage": {"input_tokens": 3, "output_tokens": 4}}, (3, 4)),
        ({"response": {"usage": {"input_tokens": 3, "output_tokens": 4}}}, (3, 4)),
        (
            {
                "usageMetadata": {
                    "promptTokenCount": 3,
                    "candidatesTokenCount": 2,
                    "thoughtsTokenCount": 2,
                }
            },
            (3, 4),
        ),
        ({"usage": {"input_tokens": "many", "output_tokens": -1}}, (None, 0)),
        ({"id": "no usage", "x": "y" * 100}, None),
        (b"<html>", None),
    ],
)
def test_tokens_are_counted_in_all_forms_or_estimated(
    gateway: Running, upstream: FakeUpstream, said: Any, tokens: Any
) -> None:
    upstream.next(saying(said, "text/html" if isinstance(said, bytes) else "application/json"))
    status, kind, text = post(gateway, "/gateway/proxy/vendor/files/a")
    [record] = gateway.notes.wait()
    assert status == 200
    prompt = (len(json.dumps(CHAT)) + 3) // 4
    if tokens is None:
        assert record.tokens.estimated and record.tokens.input == prompt
        assert record.tokens.output == (len(text) + 3) // 4
    else:
        assert (record.tokens.input, record.tokens.output) == (tokens[0] or prompt, tokens[1])
    # No browser takes it for a page.
    assert kind in ("application/json", "application/octet-stream")


@pytest.mark.parametrize(
    "path",
    [
        "../chat/completions",
        "files/../chat/completions",
        "files/./a",
        "files/..%2f..%2fadmin",
        "files/%2e%2e/admin",
        "/evil.example.org/x",
        "files//a",
        "files/a%0d%0aHost:%20evil",
        "files/a%00",
        "@evil.example.org/x",
        "files/a@evil",
        "files/a?b=c/../d%2f..",
        "files/a\\b",
        "files/" + "a" * 600,
        "files/a#b",
        "files/",
    ],
)
def test_a_path_that_leaves_the_api_is_refused(
    gateway: Running, upstream: FakeUpstream, path: str
) -> None:
    status, _, text = post(gateway, f"/gateway/proxy/vendor/{path}")
    if path.startswith(("files/a?", "files/a#")):
        # The query of a client goes nowhere.
        assert all(sent.path.endswith("/files/a") for sent in upstream.requests)
        return
    assert status in (400, 404, 501), text
    assert not upstream.requests


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("closed/chat/completions", 501, "does not pass 'chat/completions' on"),
        ("vendor/fine_tuning/jobs", 501, "does not pass"),
        ("guarded/chat/completions", 501, "guardrails"),
        ("here/chat/completions", 501, "here is not called as it is"),
        ("none/chat/completions", 404, "no endpoint 'none'"),
    ],
)
def test_what_is_not_passed_on_says_why(
    gateway: Running, upstream: FakeUpstream, path: str, status: int, words: str
) -> None:
    found, _, text = post(gateway, f"/gateway/proxy/{path}")
    assert (found, words in text) == (status, True), text
    assert not upstream.requests


def test_a_typed_question_is_passed_on_where_the_endpoint_names_it(
    gateway: Running, upstream: FakeUpstream
) -> None:
    question = {"model": "vendor", "state": {"a": 1}, "question": {"type": "noul"}}
    assert post(gateway, "/gateway/typesafe/v1/systemone", question)[0] == 200
    [sent] = upstream.requests
    assert sent.path.endswith("/systemone") and sent.json["question"] == {"type": "noul"}
    refused = post(gateway, "/gateway/typesafe/v1/systemone", {**question, "model": "closed"})
    assert refused[0] == 501


def test_a_body_is_bound_and_steers_nothing(gateway: Running, upstream: FakeUpstream) -> None:
    path = "/gateway/proxy/vendor/chat/completions"
    for body in (b"[1]", b"{", b'{"a":' * 200 + b"1" + b"}" * 200, {"api_base": "http://x"}):
        assert post(gateway, path, body)[0] == 400
    assert not upstream.requests


def test_a_vendors_error_and_a_broken_answer_are_told_and_counted(
    gateway: Running, upstream: FakeUpstream
) -> None:
    upstream.next(fakes.failing(401, f"Wrong key {KEY}."), fakes.failing(500), fakes.cut(1))
    path = "/gateway/proxy/vendor/chat/completions"
    for status in (502, 502):
        found, _, text = post(gateway, path)
        assert found == status and KEY not in text
    status, _, text = post(gateway, path, {**CHAT, "stream": True})
    assert status == 200 and json.loads(text.split("data: ")[-1])["error"]["code"] == "upstream_cut"
    records = gateway.notes.wait(3)
    assert [each.trouble for each in records] == [
        "upstream_credentials",
        "upstream_error",
        "upstream_cut",
    ]


def test_a_cut_in_what_is_no_stream_ends_in_the_middle_and_is_no_error_of_the_server(
    gateway: Running, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.head(200, {"content-type": "application/json", "content-length": "100"})
        await exchange.write(b'{"half":')
        raise fakes.Cut

    logged: list[str] = []
    monkeypatch.setattr(gateway.app.log, "write", lambda kind, **_: logged.append(kind))
    upstream.next(half)
    with pytest.raises(http.client.IncompleteRead):
        post(gateway, "/gateway/proxy/vendor/chat/completions")
    [record] = gateway.notes.wait()
    assert (record.outcome, record.trouble) == (Outcome.FAILED, "upstream_cut")
    # The next is answered on the same loop, after the first was logged.
    assert post(gateway, "/gateway/proxy/vendor/chat/completions")[0] == 200
    assert logged == []


@pytest.mark.parametrize("prefix", ["/v1", "/gateway/openai/v1"])
def test_a_response_is_compacted_where_the_vendor_does_that(
    gateway: Running, upstream: FakeUpstream, prefix: str
) -> None:
    said = {"object": "response.compaction", "usage": {"input_tokens": 3, "output_tokens": 4}}
    upstream.next(saying(said))
    body = {"model": "real", "input": "Hi", "previous_response_id": "r1"}
    status, _, text = post(gateway, f"{prefix}/responses/compact", body)
    assert (status, json.loads(text)) == (200, said)
    [sent] = upstream.requests
    assert sent.path.endswith("/responses/compact")
    assert sent.json == {**body, "model": "gpt-4o-mini"}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    status, _, text = post(gateway, f"{prefix}/responses/compact", {**body, "stream": True})
    assert status == 400
    for name, code in (("closed", 501), ("none", 404), ("here", 501)):
        found, _, text = post(gateway, f"{prefix}/responses/compact", {**body, "model": name})
        assert found == code, text
    # The version may be in the path as well as in the address, as in MLflow.
    upstream.requests.clear()
    assert post(gateway, "/gateway/proxy/real/v1/chat/completions")[0] == 200
    assert upstream.requests[0].path == "/v1/chat/completions"
