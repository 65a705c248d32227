"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Provider, hookimpl

_VENDORS = {
    "openai": ("openai:OpenAI", "OpenAI."),
    "azure": ("azure:Azure", "OpenAI's models on Microsoft Azure."),
    "anthropic": ("anthropic:Anthropic", "Anthropic's Claude."),
    "gemini": ("gemini:Gemini", "Google's Gemini."),
    "mistral": ("mistral:Mistral", "Mistral AI."),
    "cohere": ("cohere:Cohere", "Cohere."),
    "huggingface-text-generation-inference": (
        "huggingface:TextGenerationInference",
        "Hugging Face's Text Generation Inference.",
    ),
    "databricks": ("databricks:Databricks", "Models that Databricks serves."),
    "portkey": ("portkey:Portkey", "Portkey's gateway."),
    "sap-ai-core": ("sap:SapAiCore", "SAP AI Core's orchestration."),
    "mlflow-model-serving": ("serving:MlflowServing", "Models that MLflow serves."),
    "pegboard-model-serving": ("serving:PegboardServing", "Models that pegboard serves."),
}

_COMPATIBLE = {
    "ai21labs": "AI21 Labs",
    "cerebras": "Cerebras",
    "deepseek": "DeepSeek",
    "fireworks": "Fireworks AI",
    "groq": "Groq",
    "huggingface-router": "Hugging Face Inference Providers",
    "litellm": "LiteLLM proxy",
    "llamacpp-server": "llama.cpp server",
    "lmstudio": "LM Studio",
    "moonshot": "Moonshot AI",
    "nvidia": "NVIDIA NIM",
    "ollama": "Ollama",
    "openai-compatible": "OpenAI-compatible server",
    "openrouter": "OpenRouter",
    "perplexity": "Perplexity",
    "togetherai": "Together AI",
    "vllm": "vLLM",
    "xai": "xAI",
}
"""The names and titles of ``presets.toml``, which is read on first use."""


@hookimpl
def pegboard_llm_providers() -> Sequence[Provider]:
    """Declare the vendors."""
    return [
        *(
            Provider(name, f"pegboard_providers.{target}", summary)
            for name, (target, summary) in _VENDORS.items()
        ),
        *(
            Provider(name, f"pegboard_providers.compatible:{name.replace('-', '_')}", f"{title}.")
            for name, title in _COMPATIBLE.items()
        ),
    ]
