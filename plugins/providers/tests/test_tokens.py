"""Vendors that give a token to a client: Databricks and SAP, against a server that gives some."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pegboard import config, host
from pegboard.contracts.llm import (
    HttpReply,
    LLMError,
    LLMProvider,
    LLMRequest,
    Renewal,
    Task,
    Trouble,
)
from pegboard.errors import ConfigError
from pegboard_llm.api import complete
from pegboard_providers.client_credentials import Client
from pegboard_testing.llm_server import FakeOpenAI, Fault

SAID = [{"role": "user", "content": "Hello"}]
CHAT = LLMRequest(Task.CHAT, "m", {"messages": SAID})
SECRET = "s3cr3t-of-the-client"
VARIABLES = ("AICORE_SERVICE_KEY", "DATABRICKS_HOST", "DATABRICKS_TOKEN")
MADE = host.Host(config.Config())


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


def token(text: str = "t0k3n", **more: Any) -> Fault:
    said = {"access_token": text, "token_type": "Bearer", "expires_in": 3600, **more}
    return Fault(200, json.dumps(said).encode())


def databricks(address: str) -> LLMProvider:
    table = {"base_url": address, "client_id": "id", "client_secret": SECRET}
    return opened("databricks", **table)


def sap(address: str) -> LLMProvider:
    table = {"base_url": f"{address}/v2", "deployment": "d1", "auth_url": address}
    return opened("sap-ai-core", **table, client_id="id", client_secret=SECRET)


def opened(name: str, **table: Any) -> LLMProvider:
    found = MADE.llm_provider(name, table, f"[{name}]")
    assert isinstance(found, LLMProvider)
    return found


Make = Callable[[str], LLMProvider]
ASKED: dict[Make, tuple[str, dict[str, str]]] = {
    databricks: (
        "/oidc/v1/token",
        {"grant_type": "client_credentials", "scope": "all-apis"},
    ),
    sap: ("/oauth/token", {"grant_type": "client_credentials"}),
}


@pytest.mark.parametrize("make", ASKED)
def test_a_token_is_asked_for_as_the_vendor_documents(make: Make, server: FakeOpenAI) -> None:
    server.faults += [token(), token("t0k3n-2")]
    provider = make(server.address)
    assert provider.renewal() is Renewal.NEEDED
    with pytest.raises(LLMError, match="No token for"):
        provider.call(CHAT)
    assert not server.seen
    provider.renew()
    provider.renew()  # Nothing is due.
    [seen] = server.seen
    path, form = ASKED[make]
    assert (seen.path, seen.body) == (path, form)
    basic = base64.b64encode(f"id:{SECRET}".encode()).decode()
    assert seen.headers["authorization"] == f"Basic {basic}"
    assert provider.call(CHAT).headers["authorization"] == "Bearer t0k3n"
    error = provider.error(HttpReply(500, {}, f"{SECRET} t0k3n".encode()))
    assert SECRET not in str(error) and "t0k3n" not in str(error)


ANSWERS = {
    "wrong secret": (Fault(401, b'{"error": "invalid_client"}'), Trouble.CREDENTIALS),
    "wrong request": (Fault(400, b'{"error": "unauthorized_client"}'), Trouble.CREDENTIALS),
    "wrong address": (Fault(404, b"<html>"), Trouble.CREDENTIALS),
    "elsewhere": (Fault(302, b"", {"location": "http://127.0.0.1:9/"}), Trouble.CREDENTIALS),
    "too often": (Fault(429, b"", {"retry-after": "7"}), Trouble.RATE),
    "broken": (Fault(503, b""), Trouble.SERVER),
    "no token": (Fault(200, b"{}"), Trouble.GARBAGE),
    "not JSON": (Fault(200, b"<html>"), Trouble.GARBAGE),
    "two lines": (token("a\nb"), Trouble.GARBAGE),
    "expired": (token(expires_in=0), Trouble.GARBAGE),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_token_is_an_error_of_its_kind(name: str, server: FakeOpenAI) -> None:
    fault, trouble = ANSWERS[name]
    server.faults.append(fault)
    provider = sap(server.address)
    with pytest.raises(LLMError) as raised:
        provider.renew()
    assert raised.value.trouble is trouble
    assert raised.value.retry_after == (7 if trouble is Trouble.RATE else None)
    assert SECRET not in f"{raised.value}{raised.value.hint}{raised.value!r}"
    assert provider.renewal() is Renewal.NEEDED


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(LLMError, match="cannot be reached") as raised:
        sap("http://127.0.0.1:9").renew()
    assert raised.value.trouble is Trouble.UNREACHABLE


def test_no_secret_of_a_client_is_shown() -> None:
    client = Client("Acme", "https://a.example", "id", SECRET, config.HttpConfig())
    assert SECRET not in repr(client)


def test_a_script_fetches_its_token_itself_and_tries_again(server: FakeOpenAI) -> None:
    said = {"choices": [{"message": {"role": "assistant", "content": "Hi"}}]}
    answer = Fault(200, json.dumps(said).encode())
    server.faults += [Fault(503, b""), token(), answer, answer]
    mine = {"base_url": server.address, "client_id": "id", "client_secret": SECRET}
    tables = {"llm": {"providers": {"databricks": mine}, "backoff_seconds": 0}}
    host.use(host.Host(config.Config(plugins=tables)))
    try:
        assert complete("databricks:/a.b.c", "Hello").text == "Hi"
        assert complete("databricks:/a.b.c", "Again").text == "Hi"
    finally:
        host.use(None)
    paths = [seen.path.rpartition("/v1/")[2] for seen in server.seen]
    assert paths == ["token", "token", "chat/completions", "chat/completions"]


# -- what the environment holds ------------------------------------------------------------------


def test_databricks_is_found_as_its_own_tools_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="DATABRICKS_HOST"):
        opened("databricks", api_key="k")
    monkeypatch.setenv("DATABRICKS_HOST", "dbc-1.cloud.databricks.com")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-1")
    call = opened("databricks").call(CHAT)
    base = "https://dbc-1.cloud.databricks.com"
    assert call.url == f"{base}/serving-endpoints/chat/completions"
    assert call.headers["authorization"] == "Bearer dapi-1"
    catalog = opened("databricks").call(LLMRequest(Task.CHAT, "system.ai.m", CHAT.body))
    assert catalog.url == f"{base}/ai-gateway/mlflow/v1/chat/completions"
    with pytest.raises(ConfigError, match="no key"):
        opened("databricks", base_url="https://dbc-2.cloud.databricks.com")


def test_saps_service_key_is_for_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    key = {
        "clientid": "sb-1",
        "clientsecret": SECRET,
        "url": "https://company.authentication.eu10.hana.ondemand.com",
        "serviceurls": {"AI_API_URL": "https://api.ai.example.com"},
    }
    monkeypatch.setenv("AICORE_SERVICE_KEY", json.dumps(key))
    provider = opened("sap-ai-core", deployment="d1", resource_group="team")
    assert provider.renewal() is Renewal.NEEDED
    with pytest.raises(ConfigError, match="deployment"):
        opened("sap-ai-core")
    # MLflow's way: what is in between adds the token.
    bare = opened("sap-ai-core", base_url="http://egress.example/v2/completion")
    call = bare.call(CHAT)
    assert call.url == "http://egress.example/v2/completion"
    assert call.headers.keys() == {"content-type", "ai-resource-group"}
    with pytest.raises(ConfigError, match="client_secret"):
        opened("sap-ai-core", base_url="https://x.example", client_id="id")
    monkeypatch.setenv("AICORE_SERVICE_KEY", "not JSON")
    with pytest.raises(ConfigError, match="service key"):
        opened("sap-ai-core", deployment="d1")


def test_portkey_is_told_whom_to_ask() -> None:
    table = {"api_key": "pk", "portkey_provider": "openai", "provider_api_key": "sk-1"}
    headers = opened("portkey", **table, portkey_config="pc-1").call(CHAT).headers
    assert headers == {
        "content-type": "application/json",
        "x-portkey-api-key": "pk",
        "x-portkey-provider": "openai",
        "x-portkey-config": "pc-1",
        "authorization": "Bearer sk-1",
    }
