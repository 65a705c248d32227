"""The contract, kept by all vendors; what they receive has the form that they document.

OpenAI's and Anthropic's forms are those of their own packages, others' are in ``schemas``.
"""

from __future__ import annotations

import json
import typing
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
from anthropic.types import message_create_params
from openai.types import completion_create_params as completion_params
from openai.types import embedding_create_params as embedding_params
from openai.types.chat import completion_create_params as chat_params
from pegboard.contracts.llm import Json, LLMProvider, LLMRequest, Task
from pegboard.settings import Secret
from pegboard_providers import compatible
from pegboard_providers.anthropic import Anthropic, AnthropicSettings
from pegboard_providers.azure import Azure, AzureSettings
from pegboard_providers.cohere import Cohere, CohereSettings
from pegboard_providers.databricks import Databricks, DatabricksSettings
from pegboard_providers.gemini import Gemini, GeminiSettings
from pegboard_providers.huggingface import TextGenerationInference
from pegboard_providers.mistral import Mistral
from pegboard_providers.openai import OpenAI, OpenAISettings
from pegboard_providers.sap import SapAiCore, SapSettings
from pegboard_providers.serving import MlflowServing, PegboardServing, ServingSettings
from pegboard_providers.settings import KeyAndAddress, ServerAddress
from pegboard_testing import LLMProviderContract
from pegboard_testing.llm import MARKER
from pydantic import ConfigDict, TypeAdapter, with_config

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"
KEY = Secret(MARKER)

OPENAI = {
    Task.CHAT: (
        chat_params.CompletionCreateParamsNonStreaming,
        chat_params.CompletionCreateParamsStreaming,
    ),
    Task.COMPLETION: (
        completion_params.CompletionCreateParamsNonStreaming,
        completion_params.CompletionCreateParamsStreaming,
    ),
    Task.EMBEDDING: (embedding_params.EmbeddingCreateParams,) * 2,
}
ANTHROPIC = (
    message_create_params.MessageCreateParamsNonStreaming,
    message_create_params.MessageCreateParamsStreaming,
)


@cache
def adapter_of(kind: Any) -> tuple[frozenset[str], TypeAdapter[Any]]:
    """Return the fields of a TypedDict, and what checks values; to make it takes a while."""
    adapter = TypeAdapter(with_config(ConfigDict(strict=True))(kind))
    return frozenset(typing.get_type_hints(kind)), adapter


def check_typed(kind: Any, body: Json) -> None:
    """Assert that a body is of a TypedDict, and has no other fields."""
    hints, adapter = adapter_of(kind)
    assert body.keys() <= hints, body.keys() - hints
    consume(adapter.validate_python(body))


def consume(value: Any) -> None:
    """Look at all of what is validated, as pydantic does so with items of lists only then."""
    if isinstance(value, dict):
        for part in value.values():
            consume(part)
    elif hasattr(value, "__next__") or isinstance(value, list):
        for part in value:
            consume(part)


def check_openai(request: LLMRequest, body: Json, own: frozenset[str] = frozenset()) -> None:
    known = {key: value for key, value in body.items() if key not in own}
    check_typed(OPENAI[request.task][request.stream], {"model": "m", **known})


@cache
def schema_of(name: str) -> Any:
    return jsonschema.Draft202012Validator(
        json.loads((HERE / "schemas" / f"{name}.json").read_text())
    )


def check_schema(name: str, body: Json) -> None:
    schema_of(name).validate(body)


class TestOpenAI(LLMProviderContract):
    recorded = RECORDED / "openai"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return OpenAI(OpenAISettings(api_key=KEY, organization="org-1", project="proj-1"))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_openai(request, body)


class TestAzure(LLMProviderContract):
    recorded = RECORDED / "azure"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return Azure(AzureSettings(endpoint="https://company.openai.azure.com/", api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_openai(request, body)


class TestAnthropic(LLMProviderContract):
    recorded = RECORDED / "anthropic"
    wanting: ClassVar = {
        "max_tokens": {"max_tokens": 2000},
        "max_completion_tokens": {"max_completion_tokens": 2000},
        "service_tier": {"service_tier": "default"},
    }

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return Anthropic(AnthropicSettings(api_key=KEY, headers={"X-Team": KEY}))

    @pytest.fixture
    def model(self) -> str:
        return "claude-sonnet-4-5"

    def conforms(self, request: LLMRequest, body: Json) -> None:
        # The package has no sampling any more, as new models have none; old ones do.
        sampling = {"temperature": 1, "top_p": 1, "top_k": 500}
        for key in sampling.keys() & body.keys():
            assert 0 <= body[key] <= sampling[key]
        rest = {key: value for key, value in body.items() if key not in sampling}
        check_typed(ANTHROPIC[request.stream], rest)


class TestGemini(LLMProviderContract):
    recorded = RECORDED / "gemini"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return Gemini(GeminiSettings(api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_schema("gemini-chat" if request.task is Task.CHAT else "gemini-embedding", body)


class TestMistral(LLMProviderContract):
    recorded = RECORDED / "mistral"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return Mistral(KeyAndAddress(api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_schema("mistral-chat" if request.task is Task.CHAT else "mistral-embedding", body)


class TestCohere(LLMProviderContract):
    recorded = RECORDED / "cohere"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return Cohere(CohereSettings(api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_schema("cohere-chat" if request.task is Task.CHAT else "cohere-embedding", body)


class TestTextGenerationInference(LLMProviderContract):
    recorded = RECORDED / "huggingface"
    wanting: ClassVar = {"best_of": {"best_of": 2}, "typical_p": {"typical_p": 0.9}}

    @pytest.fixture
    def provider(self) -> LLMProvider:
        settings = ServerAddress(base_url="http://localhost:8080", api_key=KEY)
        return TextGenerationInference(settings)

    def conforms(self, request: LLMRequest, body: Json) -> None:
        if request.task is Task.CHAT:
            check_openai(request, body)
        else:
            check_schema("tgi-generate", body)


class TestDatabricks(LLMProviderContract):
    recorded = RECORDED / "databricks"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        url = "https://dbc-1.cloud.databricks.com/"
        return Databricks(DatabricksSettings(base_url=url, api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_openai(request, body, frozenset({"top_k", "instruction"}))


class TestSapAiCore(LLMProviderContract):
    recorded = RECORDED / "sap"
    wanting: ClassVar = {"input_type": {"input_type": "query"}}

    @pytest.fixture
    def provider(self) -> LLMProvider:
        url = "https://api.ai.prod.eu-central-1.aws.ml.hana.ondemand.com/v2"
        own = {"X-Of-The-Company": KEY}
        return SapAiCore(SapSettings(base_url=url, deployment="d0123456789abcdef", headers=own))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        name = "sap-chat" if request.task is Task.CHAT else "sap-embedding"
        check_schema(name, body)


class TestMlflowServing(LLMProviderContract):
    recorded = RECORDED / "serving"

    @pytest.fixture
    def provider(self) -> LLMProvider:
        return MlflowServing(ServingSettings(base_url="http://localhost:5000", api_key=KEY))

    def conforms(self, request: LLMRequest, body: Json) -> None:
        check_schema("serving", body)


class TestPegboardServing(TestMlflowServing):
    @pytest.fixture
    def provider(self) -> LLMProvider:
        url = "http://localhost:5000/invocations"
        return PegboardServing(ServingSettings(base_url=url, api_key=KEY))


class Compatible(LLMProviderContract):
    """What servers share that speak as OpenAI does."""

    name: ClassVar[str]

    @pytest.fixture
    def provider(self) -> LLMProvider:
        url = "https://models.example.com/v1/" if self.name == "openai-compatible" else ""
        settings = compatible.CompatibleSettings(api_key=KEY, base_url=url, fields=["of_its_own"])
        return compatible.provider_of(self.name)(settings)

    def conforms(self, request: LLMRequest, body: Json) -> None:
        typed = OPENAI[request.task][request.stream]
        own = frozenset(compatible.presets()[self.name].takes[request.task] | {"of_its_own"})
        check_openai(request, body, own - typing.get_type_hints(typed).keys())


class TestDeepSeek(Compatible):
    recorded = RECORDED / "deepseek"
    name = "deepseek"


class TestXai(Compatible):
    recorded = RECORDED / "xai"
    name = "xai"


class TestOllama(Compatible):
    recorded = RECORDED / "ollama"
    name = "ollama"


class TestVllm(Compatible):
    recorded = RECORDED / "vllm"
    name = "vllm"


class TestSparseServer(Compatible):
    recorded = RECORDED / "compatible"
    name = "openai-compatible"
