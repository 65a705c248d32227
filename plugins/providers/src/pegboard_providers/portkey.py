"""Portkey's gateway, which passes requests on to other vendors.

Source: portkey.ai/docs, "Headers", "Chat completions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen
from pegboard.contracts.llm import Task
from pegboard.settings import Secret
from pegboard_llm.vendors import checked_url, key_of, variables_of

from pegboard_providers.openai import TAKES
from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import KeyAndAddress, extra_headers

BASE_URL = "https://api.portkey.ai/v1"


@frozen(kw_only=True)
class PortkeySettings(KeyAndAddress):
    """An account with Portkey, and whom it asks.

    That is said here, or by a model's name such as ``@openai-prod/gpt-4o``.
    """

    portkey_provider: str = ""
    """An integration, as ``@openai-prod``, or a vendor, as ``openai``."""
    portkey_config: Secret = field(factory=Secret)
    """The id of a saved configuration, or one as JSON, which may hold keys."""
    provider_api_key: Secret = field(factory=Secret)
    """The vendor's key, if Portkey does not keep it."""
    fields: list[str] = field(factory=list)
    """Fields of requests that the vendor takes beside those that are OpenAI's."""


class Portkey(OpenAIForm):
    """Portkey."""

    vendor = "Portkey"
    settings = PortkeySettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = TAKES

    def __init__(self, options: PortkeySettings) -> None:
        super().__init__(options)
        self.base = checked_url(options.base_url or BASE_URL, "base_url")
        variables = variables_of(self.base, BASE_URL, "PORTKEY_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        self._headers = {"x-portkey-api-key": key}
        if options.portkey_provider:
            self._headers["x-portkey-provider"] = options.portkey_provider
        if options.portkey_config:
            self._headers["x-portkey-config"] = options.portkey_config.value
        if options.provider_api_key:
            own = key_of(options.provider_api_key, self.vendor)
            self._headers["authorization"] = f"Bearer {own}"
        self._headers |= extra_headers(options.headers)
        more = frozenset(options.fields)
        self._takes = {task: known | more for task, known in self.takes.items()}

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:  # noqa: ARG002
        """Return what OpenAI takes, with what the settings say."""
        return self._takes
