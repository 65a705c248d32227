"""Mistral AI's API.

Source: docs.mistral.ai, "API specs": chat completions and embeddings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar

from pegboard.contracts.llm import Json, LLMRequest, Task
from pegboard_llm import contents
from pegboard_llm.checks import unsupported
from pegboard_llm.vendors import checked_url, fields, key_of, variables_of

from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import KeyAndAddress, extra_headers

BASE_URL = "https://api.mistral.ai/v1"

_ID = re.compile(r"[a-zA-Z0-9]{9}")
_MOST_TEMPERATURE = 1.5


class Mistral(OpenAIForm):
    """Mistral's models."""

    vendor = "Mistral"
    settings = KeyAndAddress
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: (
                "messages frequency_penalty max_completion_tokens max_tokens n parallel_tool_calls"
                " prediction presence_penalty prompt_mode reasoning_effort response_format"
                " safe_prompt seed stop temperature tool_choice tools top_p"
            ),
            Task.EMBEDDING: "input dimensions encoding_format",
        }
    )
    renames: ClassVar[Mapping[str, str]] = {
        "max_completion_tokens": "max_tokens",
        "seed": "random_seed",
        "dimensions": "output_dimension",
    }
    asks_usage: ClassVar[bool] = False

    def __init__(self, options: KeyAndAddress) -> None:
        super().__init__(options)
        self.base = checked_url(options.base_url or BASE_URL, "base_url")
        variables = variables_of(self.base, BASE_URL, "MISTRAL_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        self._headers = {"authorization": f"Bearer {key}", **extra_headers(options.headers)}

    def body(self, request: LLMRequest) -> Json:
        """Return the request as Mistral takes it."""
        body = super().body(request)
        if request.task is Task.EMBEDDING:
            contents.inputs(request, self.vendor)
            return body
        if body.get("temperature", 0) > _MOST_TEMPERATURE:
            raise unsupported("Mistral takes a temperature from 0 to 1.5.", "temperature")
        list(contents.functions(request, self.vendor))
        how, _ = contents.chosen_tool(request, self.vendor)
        if how == "required":
            body["tool_choice"] = "any"
        body["messages"] = [_message(each) for each in contents.messages(request, self.vendor)]
        return body


def _message(message: contents.Message) -> Json:
    made = {key: value for key, value in message.said.items() if value is not None}
    made["role"] = message.role
    for kind, _, param in message.parts():
        if kind not in ("text", "image_url"):
            raise unsupported(f"Mistral takes no {kind}.", param)
    made.pop("refusal", None)
    made.pop("reasoning_content", None)
    if calls := message.tool_calls():
        made["tool_calls"] = [{**call, "id": _id(call["id"])} for call in calls]
    if message.role == "tool":
        made["tool_call_id"] = _id(made["tool_call_id"])
    return made


def _id(id: str) -> str:
    """Return the id of a call, of the nine letters and digits that Mistral insists on."""
    if _ID.fullmatch(id):
        return id
    return hashlib.sha256(id.encode()).hexdigest()[:9]
