"""Models that Databricks serves: by a token, or as a service principal.

Source: docs.databricks.com, "Foundation model REST API reference", "Authorize service principal
access to Databricks with OAuth", "Unity AI Gateway".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen
from pegboard.config import HttpConfig
from pegboard.contracts.llm import LLMRequest, Task
from pegboard.errors import ConfigError
from pegboard.settings import Secret, shared
from pegboard_llm.renewing import Token
from pegboard_llm.vendors import checked_url, fields, from_environment, key_of, variables_of

from pegboard_providers.client_credentials import Client
from pegboard_providers.compatible import CompatibleSettings
from pegboard_providers.openai_form import PATHS, OpenAIForm
from pegboard_providers.settings import extra_headers

_ENDPOINTS = "/serving-endpoints"
_CATALOG = "/ai-gateway/mlflow/v1"


@frozen(kw_only=True)
class DatabricksSettings(CompatibleSettings):
    """A workspace: its address as ``base_url``, and a token or a service principal."""

    client_id: str = ""
    client_secret: Secret = field(factory=Secret)
    http: HttpConfig = shared(HttpConfig)


class Databricks(OpenAIForm):
    """Models that Databricks serves."""

    vendor = "Databricks"
    settings = DatabricksSettings
    renames: ClassVar[Mapping[str, str]] = {"max_completion_tokens": "max_tokens"}
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: (
                "messages logprobs max_completion_tokens max_tokens n reasoning_effort"
                " response_format stop temperature tool_choice tools top_k top_logprobs top_p"
            ),
            Task.COMPLETION: "prompt echo max_tokens n stop suffix temperature top_k top_p",
            Task.EMBEDDING: "input encoding_format instruction",
        }
    )

    def __init__(self, options: DatabricksSettings) -> None:
        super().__init__(options)
        usual = _workspace(from_environment("DATABRICKS_HOST"))
        self.base = _workspace(options.base_url) or usual
        if not self.base:
            raise ConfigError(
                "There is no address of Databricks.",
                hint='Set "base_url" to that of your workspace, or the variable DATABRICKS_HOST.',
            )
        names = variables_of(self.base, usual, "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET")
        client_id = options.client_id or from_environment(*names[:1])
        secret = options.client_secret.value or from_environment(*names[1:])
        self._token: Token | None = None
        if client_id and secret and not options.api_key:
            url, scope = f"{self.base}/oidc/v1/token", {"scope": "all-apis"}
            secret = self.keep_secret(secret)
            client = Client(self.vendor, url, client_id, secret, options.http, scope)
            self.credentials = self._token = client.token()
        else:
            variables = variables_of(self.base, usual, "DATABRICKS_TOKEN")
            key = key_of(options.api_key, self.vendor, *variables)
            self._headers["authorization"] = f"Bearer {self.keep_secret(key)}"
        self._headers |= extra_headers(options.headers)
        more = frozenset(options.fields)
        self._takes = {task: known | more for task, known in self.takes.items()}

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:  # noqa: ARG002
        """Return what models take, with what the settings say."""
        return self._takes

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes: a model of Unity Catalog has two dots in its name."""
        place = _CATALOG if request.model.count(".") > 1 else _ENDPOINTS
        return f"{self.base}{place}{PATHS[request.task]}"

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        if self._token is None:
            return self._headers
        return {**self._headers, "authorization": self._token.bearer()}


def _workspace(given: str) -> str:
    """Return the address of a workspace, which some give without its scheme."""
    if not given:
        return ""
    url = given if "://" in given else f"https://{given}"
    return checked_url(url, "base_url").removesuffix(_ENDPOINTS)
