"""OpenAI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen
from pegboard.contracts.llm import Json, LLMRequest, Task
from pegboard_llm.vendors import checked_url, fields, from_environment, key_of, variables_of

from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import KeyAndAddress, extra_headers

BASE_URL = "https://api.openai.com/v1"

TAKES: Mapping[Task, frozenset[str]] = fields(
    {
        Task.CHAT: (
            "messages audio frequency_penalty function_call functions logit_bias logprobs"
            " max_completion_tokens max_tokens metadata modalities n parallel_tool_calls prediction"
            " presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort"
            " response_format safety_identifier seed service_tier stop store temperature"
            " tool_choice tools top_logprobs top_p user verbosity web_search_options"
        ),
        Task.COMPLETION: (
            "prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n"
            " presence_penalty seed stop suffix temperature top_p user"
        ),
        Task.EMBEDDING: "input dimensions encoding_format user",
    }
)

_REASONS_FIRST = re.compile(r"(ft:)?(o\d|gpt-[5-9])")
"""Models that refuse ``max_tokens`` and call the limit ``max_completion_tokens``."""


@frozen(kw_only=True)
class OpenAISettings(KeyAndAddress):
    """An account with OpenAI."""

    organization: str = ""
    project: str = ""


class OpenAI(OpenAIForm):
    """OpenAI's models."""

    vendor = "OpenAI"
    settings = OpenAISettings
    takes = TAKES
    packs_vectors: ClassVar[bool] = True
    compacts = True

    def __init__(self, options: OpenAISettings) -> None:
        super().__init__(options)
        home = from_environment("OPENAI_BASE_URL", "OPENAI_API_BASE") or BASE_URL
        self.base = checked_url(options.base_url or home, "base_url")
        variables = variables_of(self.base, home, "OPENAI_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        self._headers = {"authorization": f"Bearer {key}", **extra_headers(options.headers)}
        variables = variables_of(self.base, home, "OPENAI_ORG_ID")
        organization = options.organization or from_environment(*variables)
        variables = variables_of(self.base, home, "OPENAI_PROJECT_ID")
        project = options.project or from_environment(*variables)
        if organization:
            self._headers["openai-organization"] = organization
        if project:
            self._headers["openai-project"] = project

    def root(self) -> str:
        """Return the address of the API."""
        return self.base

    def body(self, request: LLMRequest) -> Json:
        """Return the request; the limit of tokens has the name that the model knows."""
        body: dict[str, Any] = super().body(request)
        chat = request.task is Task.CHAT
        if chat and "max_tokens" in body and _REASONS_FIRST.match(request.model):
            body["max_completion_tokens"] = body.pop("max_tokens")
        return body
