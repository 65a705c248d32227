"""What the vendors' providers are made of: settings, keys, addresses, and what they take."""

from __future__ import annotations

from typing import Any

import orjson
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
from pegboard.settings import Secret
from pegboard_providers import compatible, plugin
from pegboard_providers.anthropic import Anthropic, AnthropicSettings
from pegboard_providers.azure import Azure, AzureSettings
from pegboard_providers.cohere import Cohere, CohereSettings
from pegboard_providers.gemini import Gemini, GeminiSettings
from pegboard_providers.openai import OpenAI, OpenAISettings
from pegboard_providers.serving import MlflowServing, ServingSettings

KEY = Secret("k-1")
SAID = [{"role": "user", "content": "Hello"}]
CHAT = LLMRequest(Task.CHAT, "m", {"messages": SAID})

KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "cohere": "COHERE_API_KEY",
    "portkey": "PORTKEY_API_KEY",
    **{name: preset.key[0] for name, preset in compatible.presets().items() if preset.key},
}
OWN = "https://own.example.com"
HOMES = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "gemini": "GEMINI_BASE_URL",
    "azure": "AZURE_OPENAI_ENDPOINT",
    "databricks": "DATABRICKS_HOST",
}
"""The variables that name the address which the environment's credentials are for."""
CREDENTIALS = {
    *(key for preset in compatible.presets().values() for key in preset.key),
    *KEYS.values(),
    *["GOOGLE_API_KEY", "CO_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"],
    *["OPENAI_ORG_ID", "OPENAI_PROJECT_ID"],
    *["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"],
}
SERVICE_KEY = """{"clientid": "from-outside", "clientsecret": "from-outside",
"url": "https://home.example.com", "serviceurls": {"AI_API_URL": "https://home.example.com"}}"""


@pytest.fixture(scope="module")
def made() -> host.Host:
    return host.Host(config.Config())


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {*CREDENTIALS, *HOMES.values(), "OPENAI_API_BASE", "OPENAI_API_VERSION"}:
        monkeypatch.delenv(name, raising=False)


def opened(made: host.Host, name: str, **table: Any) -> LLMProvider:
    found = made.llm_provider(name, table, f"[{name}]")
    assert isinstance(found, LLMProvider)
    return found


def keys_in(provider: LLMProvider) -> str:
    return " ".join(provider.call(CHAT).headers.values())


# -- what is declared ----------------------------------------------------------------------------


def test_every_preset_is_declared_by_its_title() -> None:
    titles = {name: preset.title for name, preset in compatible.presets().items()}
    assert titles == plugin._COMPATIBLE


@pytest.mark.parametrize("declared", plugin.pegboard_llm_providers(), ids=lambda each: each.name)
def test_every_provider_opens(declared: Any, made: host.Host) -> None:
    table = {"endpoint" if declared.name == "azure" else "base_url": OWN}
    if declared.name != "sap-ai-core":
        table["api_key"] = "k"
    provider = opened(made, declared.name, **table)
    for task in provider.takes_of("m"):
        body = {
            Task.CHAT: {"messages": SAID},
            Task.COMPLETION: {"prompt": "x"},
            Task.EMBEDDING: {"input": ["x"]},
        }[task]
        assert provider.call(LLMRequest(task, "m", body)).url.startswith(f"{OWN}/")


def test_a_preset_that_is_not_there_is_no_provider() -> None:
    with pytest.raises(AttributeError):
        _ = compatible.nothing_of_that_name


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(KEYS))
def test_the_usual_variable_holds_the_key(
    name: str, made: host.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS[name], "from-outside")
    assert "from-outside" in keys_in(opened(made, name))
    assert "from-outside" not in keys_in(opened(made, name, api_key="given"))


@pytest.mark.parametrize("declared", plugin.pegboard_llm_providers(), ids=lambda each: each.name)
def test_what_the_environment_holds_goes_to_its_own_origin_alone(
    declared: Any, made: host.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, address = declared.name, "endpoint" if declared.name == "azure" else "base_url"
    for variable in CREDENTIALS:
        monkeypatch.setenv(variable, f"from-outside-{variable}")
    monkeypatch.setenv("AICORE_SERVICE_KEY", SERVICE_KEY)

    def is_sent(url: str) -> bool:
        try:
            provider = opened(made, name, **{address: url})
        except ConfigError as error:
            assert "no key" in str(error)
            return False
        if provider.renewal() is not Renewal.NOT_DUE:
            return True  # It would fetch a token with what it has found.
        return "from-outside" in f"{provider.call(CHAT)}{provider.call(CHAT).headers}"

    others = [OWN, "https://somebody.openai.azure.com", "https://dbc-2.cloud.databricks.com"]
    if name in KEYS:
        usual = opened(made, name).call(CHAT).url
        scheme, rest = usual.split("://")
        domain, path = rest.split("/", 1)
        assert is_sent(f"{scheme}://{domain.upper()}/other")
        others += [f"{scheme}://{domain.partition(':')[0]}:81/{path}"]
        others += [f"{'http' if scheme == 'https' else 'https'}://{rest}"]
        others += [f"{scheme}://{domain.partition(':')[0]}.example.com/{path}"]
    if name in HOMES:
        monkeypatch.setenv(HOMES[name], "https://home.example.com/v1")
        assert is_sent("https://home.example.com:443/v1/")
        # Those of the environment are now for the address that it names.
        others += [usual] if name in KEYS else []
    assert [url for url in others if is_sent(url)] == []


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_key_that_is_needed_is_asked_for_by_its_variable(name: str, made: host.Host) -> None:
    preset = compatible.presets().get(name)
    if preset is not None and preset.keyless:
        assert "authorization" not in opened(made, name).call(CHAT).headers
        return
    with pytest.raises(ConfigError, match=KEYS[name]):
        opened(made, name)


@pytest.mark.parametrize("key", ["a b", "a\nb", "é", "a\x00"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        OpenAI(OpenAISettings(api_key=Secret(key)))
    assert key not in str(raised.value)


def test_blanks_around_a_key_are_no_part_of_it() -> None:
    provider = OpenAI(OpenAISettings(api_key=Secret(" k-1\n")))
    assert provider.call(CHAT).headers["authorization"] == "Bearer k-1"


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://user:pw@example.com",
        "https://example.com?x=1",
        "https://example.com#x",
        "https://exa mple.com",
        "https://example.com:0",
        "https://example.com:x",
        "https://example.com\r\nHost: evil",
    ],
)
def test_a_wrong_address_is_refused_where_it_is_set(url: str, made: host.Host) -> None:
    for name in ("openai", "vllm", "anthropic", "mlflow-model-serving"):
        with pytest.raises(ConfigError, match="base_url"):
            opened(made, name, api_key="k", base_url=url)


@pytest.mark.parametrize("url", ["https://a.example/v1", "https://a.example/v1/"])
def test_a_slash_at_the_end_changes_nothing(url: str, made: host.Host) -> None:
    assert opened(made, "vllm", base_url=url).call(CHAT).url == (
        "https://a.example/v1/chat/completions"
    )


def test_anthropics_address_may_be_with_or_without_its_version() -> None:
    for url in ("https://proxy.example", "https://proxy.example/v1/"):
        provider = Anthropic(AnthropicSettings(api_key=KEY, base_url=url))
        assert provider.call(CHAT).url == "https://proxy.example/v1/messages"


# -- azure ---------------------------------------------------------------------------------------


def test_azure_has_addresses_of_two_kinds() -> None:
    endpoint = "https://company.openai.azure.com/openai/v1/"
    dated = Azure(AzureSettings(endpoint=endpoint, api_key=KEY, deployment="my gpt"))
    assert dated.call(CHAT).url == (
        "https://company.openai.azure.com/openai/deployments/my%20gpt/chat/completions"
        "?api-version=2024-10-21"
    )
    call = Azure(AzureSettings(endpoint=endpoint, api_key=KEY, api_version="v1")).call(CHAT)
    assert call.url == "https://company.openai.azure.com/openai/v1/chat/completions"
    assert orjson.loads(call.body)["model"] == "m"
    assert call.headers["api-key"] == "k-1"


def test_azure_takes_a_token_of_entra(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = "https://company.openai.azure.com"
    given = Azure(AzureSettings(endpoint=endpoint, entra_token=Secret("t-1")))
    assert given.call(CHAT).headers["authorization"] == "Bearer t-1"
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "t-2")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-01-01")
    call = Azure(AzureSettings()).call(CHAT)
    assert call.headers["authorization"] == "Bearer t-2"
    assert call.url.endswith("?api-version=2025-01-01")
    with pytest.raises(ConfigError, match="no key"):
        Azure(AzureSettings(endpoint=OWN))
    assert "t-2" not in str(Azure(AzureSettings(api_key=KEY)).call(CHAT).headers)


def test_azure_without_an_address_says_so() -> None:
    with pytest.raises(ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        Azure(AzureSettings(api_key=KEY))


# -- what models take ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        ("claude-3-haiku-20240307", "temperature", "reasoning_effort"),
        ("claude-3-7-sonnet-latest", "reasoning_effort temperature", ""),
        ("claude-opus-4-20250514", "reasoning_effort temperature", ""),
        ("claude-opus-4-6", "reasoning_effort temperature", ""),
        ("claude-opus-4-7", "reasoning_effort", "temperature top_p top_k"),
        ("claude-fable-5-1", "reasoning_effort", "temperature"),
        ("claude-mythos-preview", "reasoning_effort", "temperature"),
    ],
)
def test_versions_of_claude_differ(model: str, has: str, lacks: str) -> None:
    taken = Anthropic(AnthropicSettings(api_key=KEY)).takes_of(model)[Task.CHAT]
    assert set(has.split()) <= taken
    assert not set(lacks.split()) & taken


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("gpt-4o-mini", "max_tokens"),
        ("gpt-5-mini", "max_completion_tokens"),
        ("o3", "max_completion_tokens"),
        ("ft:o4-mini:org", "max_completion_tokens"),
        ("omni-moderation", "max_tokens"),
    ],
)
def test_openais_limit_has_the_name_that_the_model_knows(model: str, limit: str) -> None:
    request = LLMRequest(Task.CHAT, model, {"messages": SAID, "max_tokens": 5})
    body = orjson.loads(OpenAI(OpenAISettings(api_key=KEY)).call(request).body)
    assert {"max_tokens", "max_completion_tokens"} & body.keys() == {limit}


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-pro", "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-3-pro-preview", "high", {"includeThoughts": True, "thinkingLevel": "high"}),
    ],
)
def test_gemini_thinks_by_budget_or_level(model: str, effort: str, config: Any) -> None:
    body = {"messages": SAID, "reasoning_effort": effort}
    call = Gemini(GeminiSettings(api_key=KEY)).call(LLMRequest(Task.CHAT, model, body))
    assert orjson.loads(call.body)["generationConfig"] == {"thinkingConfig": config}


def test_a_model_server_may_take_a_single_text() -> None:
    provider = MlflowServing(ServingSettings(base_url=OWN, chat="inputs", fields=["style"]))
    body = {"messages": SAID, "style": "short"}
    sent = orjson.loads(provider.call(LLMRequest(Task.CHAT, "m", body)).body)
    assert sent == {"inputs": ["Hello"], "params": {"style": "short"}}
    with pytest.raises(LLMError) as raised:
        provider.call(LLMRequest(Task.CHAT, "m", {"messages": SAID * 2}))
    assert raised.value.param == "messages"
    with pytest.raises(LLMError) as raised:
        provider.call(LLMRequest(Task.CHAT, "m", {"messages": SAID}, stream=True))
    assert raised.value.trouble is Trouble.UNSUPPORTED


def test_a_table_of_one_column_is_what_was_predicted() -> None:
    provider = MlflowServing(ServingSettings(base_url=OWN))
    for body in (b'{"predictions": [{"0": "hi"}]}', b'{"predictions": {"text": ["hi"]}}'):
        answer = provider.answer(CHAT, HttpReply(200, {}, body))
        assert answer["choices"][0]["message"]["content"] == "hi"


def test_cohere_is_told_what_texts_are_embedded_for() -> None:
    provider = Cohere(CohereSettings(api_key=KEY, input_type="classification"))
    request = LLMRequest(Task.EMBEDDING, "embed-v4.0", {"input": "x"})
    assert orjson.loads(provider.call(request).body)["input_type"] == "classification"


@pytest.mark.parametrize(
    "provider",
    [
        OpenAI(OpenAISettings(api_key=Secret(" sk-AbCdEfGh\n"))),
        Anthropic(AnthropicSettings(api_key=Secret(" sk-AbCdEfGh\n"))),
        MlflowServing(ServingSettings(base_url="http://a:1", api_key=Secret(" sk-AbCdEfGh\n"))),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_key_is_not_repeated_as_it_was_sent(provider: LLMProvider) -> None:
    assert "sk-AbCdEfGh" in str(provider.call(CHAT).headers)
    reply = HttpReply(400, {}, b'{"error": {"message": "What is sk-AbCdEfGh?"}}')
    assert "What is •••?" in str(provider.error(reply))


@pytest.mark.parametrize(
    ("name", "path", "url"),
    [
        ("openai", "responses", "https://own.example.com/v1/responses"),
        ("openai", "v1/responses", "https://own.example.com/v1/responses"),
        ("vllm", "v1/rerank", "https://own.example.com/v1/rerank"),
        ("anthropic", "v1/messages", "https://own.example.com/v1/messages"),
        ("anthropic", "messages/batches", "https://own.example.com/v1/messages/batches"),
        (
            "gemini",
            "v1beta/models/m:countTokens",
            "https://own.example.com/v1beta/models/m:countTokens",
        ),
        ("azure", "chat/completions", None),
        ("cohere", "rerank", None),
    ],
)
def test_requests_are_passed_on_below_the_address_with_the_key(
    made: host.Host, name: str, path: str, url: str | None
) -> None:
    address = "endpoint" if name == "azure" else "base_url"
    base = f"{OWN}/v1" if name in ("openai", "vllm") else OWN
    given = {address: base, "api_key": "k-1"}
    found = opened(made, name, **given).passed(path, b'{"a": 1}')
    assert (found and found.url) == url
    if found is not None:
        assert found.body == b'{"a": 1}' and "k-1" in str(list(found.headers.values()))
