"""OpenAI's models on Microsoft Azure: by deployment, with a key or a token of Entra ID."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from pegboard.contracts.llm import Json, LLMRequest
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_llm.vendors import checked_url, from_environment, key_of, segment, variables_of

from pegboard_providers.openai import TAKES
from pegboard_providers.openai_form import PATHS, OpenAIForm
from pegboard_providers.settings import extra_headers, url_field

API_VERSION = "2024-10-21"
V1 = "v1"
"""The version whose addresses have no deployment: the model's name is the deployment's."""


@frozen(kw_only=True)
class AzureSettings:
    """A resource of Azure OpenAI."""

    endpoint: str = url_field()
    """``https://NAME.openai.azure.com``."""
    api_key: Secret = field(factory=Secret)
    entra_token: Secret = field(factory=Secret)
    """A token of Microsoft Entra ID, in place of a key."""
    api_version: str = ""
    """``v1``, or a date such as ``2024-10-21``."""
    deployment: str = ""
    """The deployment to ask, if it is not called like the model."""
    headers: dict[str, Secret] = field(factory=dict)
    """Sent with each request."""


class Azure(OpenAIForm):
    """Deployments of OpenAI's models."""

    vendor = "Azure OpenAI"
    settings = AzureSettings
    takes = TAKES
    packs_vectors: ClassVar[bool] = True

    def __init__(self, options: AzureSettings) -> None:
        super().__init__(options)
        home = from_environment("AZURE_OPENAI_ENDPOINT")
        given = options.endpoint or home
        if not given:
            raise ConfigError(
                "There is no address of Azure OpenAI.",
                hint='Set "endpoint", or the variable AZURE_OPENAI_ENDPOINT.',
            )
        base = checked_url(given, "endpoint")
        self.base = base.removesuffix("/openai/v1").removesuffix("/openai")
        self._version = options.api_version or from_environment("OPENAI_API_VERSION") or API_VERSION
        # Anybody may have a resource on Azure: the environment's credentials go to its own.
        token = options.entra_token.value
        if not token and not options.api_key:
            token = from_environment(*variables_of(base, home, "AZURE_OPENAI_AD_TOKEN"))
        if token:
            self._headers = {"authorization": f"Bearer {self.keep_secret(token.strip())}"}
        else:
            variables = variables_of(base, home, "AZURE_OPENAI_API_KEY")
            key = key_of(options.api_key, self.vendor, *variables)
            self._headers = {"api-key": self.keep_secret(key)}
        self._headers |= extra_headers(options.headers)

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        if self._version == V1:
            return f"{self.base}/openai/v1{PATHS[request.task]}"
        deployment = segment(self._deployment(request))
        version = segment(self._version)
        path = f"/openai/deployments/{deployment}{PATHS[request.task]}"
        return f"{self.base}{path}?api-version={version}"

    def body(self, request: LLMRequest) -> Json:
        """Return the request; where the address names the deployment, the body has no model."""
        body = super().body(request)
        if self._version == V1:
            body["model"] = self._deployment(request)
        else:
            del body["model"]
        return body

    def _deployment(self, request: LLMRequest) -> str:
        return self.options.deployment or request.model
