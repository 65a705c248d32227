"""MLflow's providers by their names there: what they are called here, and which of them are not.

MLflow's ``litellm`` is no server: it is the library LiteLLM, which MLflow calls in its own process
for vendors that it does not know itself. Those of them that have a provider here are asked by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen


@frozen
class Vendor:
    """What a provider of MLflow's is called here, and its keys: ours by theirs.

    A key that means nothing here is an empty text.
    """

    provider: str
    keys: Mapping[str, str]
    required: tuple[str, ...] = ()


def _keyed(provider: str, prefix: str, **more: str) -> Vendor:
    """Return a vendor with an API key."""
    key = f"{prefix}api_key"
    return Vendor(provider, {key: "api_key", **more}, (key,))


def _compatible(provider: str, **more: str) -> Vendor:
    return _keyed(provider, "", api_base="base_url", **more)


_AZURE = {
    "openai_api_key": "api_key",
    "openai_api_type": "",
    "openai_api_base": "endpoint",
    "openai_api_version": "api_version",
    "openai_deployment_name": "deployment",
}
_DATABRICKS = {
    "host": "base_url",
    "token": "api_key",
    "client_id": "client_id",
    "client_secret": "client_secret",
}
_VERTEX = {
    "vertex_project": "project",
    "vertex_location": "location",
    "vertex_credentials": "credentials",
    # It says which headers of clients go on; here none do.
    "vertex_anthropic_betas": "",
}
SERVED, TGI, LITELLM, SAP = (
    "mlflow-model-serving",
    "huggingface-text-generation-inference",
    "litellm",
    "sap-ai-core",
)
VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "openai": _keyed(
            "openai",
            "openai_",
            openai_api_type="",
            openai_api_base="base_url",
            openai_organization="organization",
        ),
        "azure": Vendor("azure", _AZURE, tuple(key for key in _AZURE if _AZURE[key])),
        "ai21labs": _keyed("ai21labs", "ai21labs_"),
        "anthropic": _keyed(
            "anthropic", "anthropic_", anthropic_version="version", anthropic_api_base="base_url"
        ),
        "bedrock": Vendor("bedrock", {"aws_config": ""}, ("aws_config",)),
        "cohere": _keyed("cohere", "cohere_"),
        "databricks": Vendor("databricks", _DATABRICKS),
        "deepseek": _compatible("deepseek"),
        "gemini": _keyed("gemini", "gemini_"),
        "groq": _compatible("groq"),
        LITELLM: Vendor(LITELLM, {"litellm_provider": "", "litellm_auth_config": ""}),
        "mistral": _keyed("mistral", "mistral_"),
        "ollama": Vendor("ollama", {"api_key": "api_key", "api_base": "base_url"}),
        "openrouter": _compatible("openrouter"),
        "portkey": _compatible(
            "portkey",
            portkey_provider="portkey_provider",
            portkey_config="portkey_config",
            provider_api_key="provider_api_key",
        ),
        SAP: Vendor(SAP, {}),
        SERVED: Vendor(SERVED, {"model_server_url": "base_url"}, ("model_server_url",)),
        TGI: Vendor(TGI, {"hf_server_url": "base_url"}, ("hf_server_url",)),
        "togetherai": _keyed("togetherai", "togetherai_"),
        "vertex-ai": Vendor("vertex-ai", _VERTEX, ("vertex_project",)),
        "xai": _compatible("xai"),
    }
)
AWS = {
    "aws_region": "region",
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "aws_role_arn": "role_arn",
    "session_length_seconds": "role_seconds",
    "aws_bearer_token": "bearer_token",
}
"""The keys of ``aws_config``."""

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "palm": "Google has ended PaLM; its successor is 'gemini', with a key of Google AI Studio.",
        "mosaicml": "MosaicML has ended its inference service; 'databricks', which bought it, "
        "serves models now.",
        "typesafe": "TypeSafe's models answer typed questions at an address of their own "
        "(/v1/systemone): they do not chat, complete or embed. Ask them there, or let a model that "
        "chats answer with a JSON schema.",
    }
)
"""Why a provider is not here, and what is there instead."""
JURASSIC = (
    "AI21 has ended the Jurassic models (j2-…); its models are called jamba now, such as "
    "'jamba-mini'."
)
NO_LIBRARY = (
    "MLflow calls the library LiteLLM for it, this gateway does not. Start LiteLLM's proxy, and in "
    'pegboard.toml set provider = "litellm" and its address as base_url.'
)

_NAMES = {
    "amazon-bedrock": "bedrock",
    "databricks-model-serving": "databricks",
    # LiteLLM's names.
    "ai21": "ai21labs",
    "cohere-chat": "cohere",
    "custom-openai": "openai-compatible",
    "fireworks-ai": "fireworks",
    "hosted-vllm": "vllm",
    "litellm-proxy": "litellm",
    "lm-studio": "lmstudio",
    "nvidia-nim": "nvidia",
    "openai-like": "openai-compatible",
    "sap": "sap-ai-core",
    "together-ai": "togetherai",
}
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "api_base": "base_url",
        "aws_access_key_id": "access_key_id",
        "aws_bearer_token": "bearer_token",
        "aws_region_name": "region",
        "aws_role_name": "role_arn",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
        "vertex_credentials": "credentials",
        "vertex_location": "location",
        "vertex_project": "project",
    }
)
"""What LiteLLM calls settings, and so MLflow in its secrets, where that differs."""
_LITELLMS = frozenset(
    {"cerebras", "fireworks", "lmstudio", "moonshot", "nvidia", "openai-compatible"}
    | {"perplexity", "vllm"}
)
"""What providers here are called of vendors that MLflow asks through LiteLLM."""
NOT_OURS = frozenset({"auth_mode"})
"""Settings that say no more than the others do."""
_KEYS_OF: Mapping[str, Mapping[str, str]] = {
    "azure": {"api_base": "endpoint", "base_url": "endpoint", "deployment_name": "deployment"},
    "bedrock": {"api_key": "bearer_token"},
}


def name_of(provider: str) -> str:
    """Return what a provider is called here that may have its name from MLflow or LiteLLM."""
    name = provider.lower().replace("_", "-")
    name = _NAMES.get(name, name)
    # A plugin's own name is as it is.
    return name if is_known(name) or name in REFUSED else provider


def is_known(provider: str) -> bool:
    """Whether one of MLflow's or LiteLLM's vendors has a provider here, of this name."""
    return provider in VENDORS or provider in _LITELLMS


def key_of(provider: str, key: str) -> str:
    """Return what a setting is called here, of a provider by its name here."""
    return _KEYS_OF.get(provider, {}).get(key) or KEYS.get(key, key)
