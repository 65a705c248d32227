"""Vertex AI keeps the contract, in each of its forms; its tokens come from a real token server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pegboard import config, host
from pegboard.contracts.llm import (
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    Renewal,
    Task,
    Trouble,
)
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_llm import prices
from pegboard_testing import LLMProviderContract
from pegboard_testing.llm import MARKER
from pegboard_testing.llm_server import FakeOpenAI, Fault
from pegboard_vertexai.identity import is_googles
from pegboard_vertexai.provider import Vertex, VertexSettings

SAID = [{"role": "user", "content": "Hello"}]
CHAT = LLMRequest(Task.CHAT, "gemini-2.5-flash", {"messages": SAID})
VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
GOOGLES = "https://oauth2.googleapis.com/token"


@cache
def private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return made.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def account(**more: Any) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "models@my-project.iam.gserviceaccount.com",
        "token_uri": GOOGLES,
        **more,
    }


def settings(**more: Any) -> VertexSettings:
    return VertexSettings(credentials=Secret(json.dumps(account())), **more)


def token(text: str = "t0k3n", seconds: int = 3600) -> Fault:
    said = {"access_token": text, "token_type": "Bearer", "expires_in": seconds}
    return Fault(200, json.dumps(said).encode(), {"content-type": "application/json"})


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nothing of this machine's own account be found."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


class TestVertex(LLMProviderContract):
    recorded = Path(__file__).parent / "recorded"
    wanting: ClassVar = {
        "max_tokens": {"max_tokens": 2000},
        "max_completion_tokens": {"max_completion_tokens": 2000},
    }

    # Made before each test's network is taken away: its token is fetched.
    @pytest.fixture(scope="class")
    @classmethod
    def provider(cls) -> Iterator[LLMProvider]:
        with FakeOpenAI(token(MARKER)) as server:
            made = Vertex(settings(token_url=server.address, location="europe-west4"))
            made.renew()
        yield made

    @pytest.fixture(params=["gemini-2.5-pro", "text-embedding-005", "claude-sonnet-4-5", "a/b"])
    def model(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def conforms(self, request: LLMRequest, body: Json) -> None:
        name = request.model
        if name.startswith("claude"):
            assert body["anthropic_version"] == "vertex-2023-10-16"
            assert not {"model", "service_tier"} & body.keys()
        elif "/" in name:
            assert body["model"] == name
        elif request.task is Task.EMBEDDING:
            assert body.keys() <= {"instances", "parameters"}
            assert all(each.keys() <= {"content", "task_type"} for each in body["instances"])
        else:
            assert "contents" in body and "model" not in body


@pytest.mark.parametrize(
    ("model", "location", "url"),
    [
        ("gemini-2.5-pro", "", "https://aiplatform.googleapis.com|global|publishers/google"),
        ("gemini-2.5-pro", "eu", "https://aiplatform.eu.rep.googleapis.com|eu|publishers/google"),
        (
            "claude-sonnet-4-5@20250929",
            "us-east5",
            "https://us-east5-aiplatform.googleapis.com|us-east5|publishers/anthropic",
        ),
        ("meta/llama-4-maas", "", "https://us-central1-aiplatform.googleapis.com|us-central1|"),
        ("mistral-medium-3", "global", "https://aiplatform.googleapis.com|global|endpoints"),
    ],
)
def test_a_models_name_and_location_say_where_it_is(model: str, location: str, url: str) -> None:
    with FakeOpenAI(token()) as server:
        provider = Vertex(settings(token_url=server.address, location=location))
        provider.renew()
    call = provider.call(LLMRequest(Task.CHAT, model, {"messages": SAID}))
    base, place, rest = url.split("|")
    assert call.url.startswith(f"{base}/v1/projects/my-project/locations/{place}/{rest}")
    assert call.headers["authorization"] == "Bearer t0k3n"
    if model.startswith("claude"):
        assert call.url.endswith(f"/{model}:rawPredict")


def test_a_service_account_signs_for_its_token() -> None:
    with FakeOpenAI(token(seconds=200), token("t0k3n-2")) as server:
        provider = Vertex(settings(token_url=server.address))
        assert provider.renewal() is Renewal.NEEDED
        with pytest.raises(LLMError, match="No token"):
            provider.call(CHAT)
        provider.renew()
        [seen] = server.seen
        assert seen.body["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert seen.body["assertion"].count(".") == 2
    error = provider.error(HttpReply(500, {}, f"t0k3n {private_key()}".encode()))
    assert "t0k3n" not in str(error) and "PRIVATE" not in str(error)


REFUSED = {
    "account gone": (Fault(400, b'{"error": "invalid_grant"}'), Trouble.CREDENTIALS),
    "not JSON": (Fault(200, b"<html>"), Trouble.GARBAGE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_token_is_an_error_of_its_kind(name: str) -> None:
    fault, trouble = REFUSED[name]
    with FakeOpenAI(fault) as server, pytest.raises(LLMError) as raised:
        Vertex(settings(token_url=server.address)).renew()
    assert raised.value.trouble is trouble
    with pytest.raises(LLMError) as raised:
        Vertex(settings(token_url="http://127.0.0.1:9")).renew()
    assert raised.value.trouble is Trouble.UNREACHABLE


def test_credentials_are_found_as_googles_own_tools_find_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="GOOGLE_CLOUD_PROJECT"):
        Vertex(VertexSettings())
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-the-environment")
    provider = Vertex(VertexSettings())
    with pytest.raises(LLMError, match="no credentials") as raised:
        provider.renew()
    assert raised.value.trouble is Trouble.CREDENTIALS
    with FakeOpenAI(token()) as server:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(account(token_uri=server.address)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        provider.renew()
    call = provider.call(CHAT)
    assert call.headers["authorization"] == "Bearer t0k3n"
    assert "/projects/of-the-environment/" in call.url
    with pytest.raises(ConfigError, match="own addresses"):
        Vertex(VertexSettings(base_url="https://proxy.example.com"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "as JSON"),
        ('{"type": "external_account", "token_url": "http://a"}', "as JSON"),
        (json.dumps({"type": "service_account", "token_uri": "https://evil.example"}), "token_uri"),
        (json.dumps({"type": "service_account", "token_uri": GOOGLES}), "whole key"),
    ],
)
def test_a_key_that_is_none_is_refused(given: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Vertex(VertexSettings(credentials=Secret(given), project="p"))


@pytest.mark.parametrize("location", ["evil.example/x?", "EU", "a b", "a/../b"])
def test_a_location_cannot_change_the_host(location: str) -> None:
    made = host.Host(config.Config())
    with pytest.raises(ConfigError, match="region"):
        made.llm_provider("vertex-ai", {"location": location}, "[vertex-ai]")


@pytest.mark.parametrize(
    ("url", "is_its_own"),
    [
        ("https://aiplatform.googleapis.com", True),
        ("https://europe-west4-aiplatform.googleapis.com/", True),
        ("http://aiplatform.googleapis.com", False),
        ("https://aiplatform.googleapis.com.example.com", False),
        ("https://aiplatform-googleapis.com", False),
        ("https://evilgoogleapis.com", False),
    ],
)
def test_googles_addresses_are_known(url: str, is_its_own: bool) -> None:
    assert is_googles(url) is is_its_own


def test_models_cost_what_their_vendors_say() -> None:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    for vendor, model in (("gemini", "gemini-2.5-pro"), ("anthropic", "claude-haiku-4-5@20251001")):
        cost = prices.price("vertex-ai", model, usage)
        assert cost is not None and cost == prices.price(vendor, model, usage)


def test_the_example_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text()
    [example] = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    said: Json = {
        "candidates": [{"content": {"parts": [{"text": "A wren."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4},
    }
    with FakeOpenAI(token(), Fault(200, json.dumps(said).encode())) as server:
        mine = {
            "base_url": server.address,
            "token_url": server.address,
            "credentials": json.dumps(account()),
        }
        tables = {"llm": {"providers": {"vertex-ai": mine}}}
        host.use(host.Host(config.Config(plugins=tables)))
        try:
            exec(compile(example, "README.md", "exec"), {})
        finally:
            host.use(None)
    assert capsys.readouterr().out.startswith("A wren. {'prompt_tokens': 3, ")
    assert server.seen[1].headers["authorization"] == "Bearer t0k3n"
