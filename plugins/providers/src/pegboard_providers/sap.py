"""SAP AI Core: chat and embeddings by its orchestration, for all models of its generative AI hub.

Source: help.sap.com, "Orchestration" (v2 of its API) and "Service keys"; sap.github.io/ai-sdk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import orjson
from attrs import field, frozen
from pegboard.config import HttpConfig
from pegboard.contracts.llm import EventReader, Json, LLMRequest, Task
from pegboard.errors import ConfigError
from pegboard.settings import Secret, shared
from pegboard_llm import contents
from pegboard_llm.checks import unsupported
from pegboard_llm.renewing import Token
from pegboard_llm.vendors import checked_url, fields, from_environment, segment

from pegboard_providers.client_credentials import Client
from pegboard_providers.openai_form import OpenAIForm, OpenAIStream
from pegboard_providers.settings import extra_headers, url_field

_KEY = "AICORE_SERVICE_KEY"
_PATHS = {Task.CHAT: "/v2/completion", Task.EMBEDDING: "/v2/embeddings"}
_PARAMS = (
    "frequency_penalty logit_bias logprobs max_completion_tokens max_tokens n parallel_tool_calls"
    " presence_penalty reasoning_effort seed stop temperature tool_choice top_logprobs top_p"
)
_OF_PROMPT = ("tools", "response_format")
_TYPES = ("text", "query", "document")


@frozen(kw_only=True)
class SapSettings:
    """A deployment of orchestration, and a client that may call it.

    What is not here is looked for in a service key, which AICORE_SERVICE_KEY holds.
    """

    base_url: str = url_field()
    """The address of the deployment, or that of AI Core with ``deployment``."""
    deployment: str = ""
    """The id of the deployment, as ``d0123456789abcdef``."""
    resource_group: str = "default"
    auth_url: str = url_field()
    """Where tokens are given. Without client and this, something on the way has to add a token."""
    client_id: str = ""
    client_secret: Secret = field(factory=Secret)
    headers: dict[str, Secret] = field(factory=dict)
    """Sent with each request."""
    http: HttpConfig = shared(HttpConfig)


class SapAiCore(OpenAIForm):
    """Models of SAP's generative AI hub."""

    vendor = "SAP AI Core"
    settings = SapSettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: f"messages response_format tools {_PARAMS}",
            Task.EMBEDDING: "input dimensions encoding_format input_type",
        }
    )

    def __init__(self, options: SapSettings) -> None:
        super().__init__(options)
        # The key of the environment is for what it names itself.
        given = (options.base_url, options.auth_url, options.client_id)
        key = {} if any(given) else _service_key()
        self.base = _base(options, key)
        self._headers = {"ai-resource-group": options.resource_group}
        self._headers |= extra_headers(options.headers)
        client_id = options.client_id or str(key.get("clientid", ""))
        secret = self.keep_secret(options.client_secret.value or str(key.get("clientsecret", "")))
        auth_url = options.auth_url or str(key.get("url", ""))
        self._token: Token | None = None
        if not (client_id or secret or auth_url):
            return
        if not (client_id and secret and auth_url):
            raise ConfigError(
                "A client of SAP AI Core has an id, a secret, and an address that gives tokens.",
                hint='Set "client_id", "client_secret" and "auth_url", which are in its service '
                "key as clientid, clientsecret and url.",
            )
        url = f"{checked_url(auth_url, 'auth_url').removesuffix('/oauth/token')}/oauth/token"
        client = Client(self.vendor, url, client_id, secret, options.http)
        self.credentials = self._token = client.token()

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        return self.base + _PATHS[request.task]

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        if self._token is None:
            return self._headers
        return {**self._headers, "authorization": self._token.bearer()}

    def body(self, request: LLMRequest) -> Json:
        """Return the request as orchestration takes it."""
        if request.task is Task.EMBEDDING:
            return _embedding(request)
        asked = request.body
        params = {key: asked[key] for key in _PARAMS.split() if key in asked}
        if request.stream:
            params["stream_options"] = {"include_usage": True}
        *before, last = asked["messages"]
        message, values = _template(last)
        prompt = {"template": [message], **{key: asked[key] for key in _OF_PROMPT if key in asked}}
        model: Json = {"name": request.model, **({"params": params} if params else {})}
        config: Json = {"modules": {"prompt_templating": {"prompt": prompt, "model": model}}}
        if request.stream:
            config["stream"] = {"enabled": True}
        made: Json = {"config": config}
        if before:
            made["messages_history"] = before
        if values:
            made["placeholder_values"] = values
        return made

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return the answer, which is OpenAI's within what the modules did."""
        return super().read(request, value["final_result"])

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)


class _Stream(OpenAIStream):
    """OpenAI's chunks within what the modules did."""

    def on(self, name: str, event: Json) -> Iterable[Json]:
        """Return the chunk."""
        if "error" in event:
            said = event["error"]
            code = said.get("code") if isinstance(said, dict) else None
            raise self.fail(event, code if type(code) is int else 200)
        chunk = event["final_result"]
        # The first may come before the model has said anything: its fields are empty.
        for key in [key for key in ("id", "model", "created") if not chunk.get(key)]:
            chunk.pop(key, None)
        if not self._begun and "id" not in chunk and not any(map(_says, chunk["choices"])):
            return ()
        return super().on(name, chunk)


def _says(choice: Json) -> bool:
    delta = choice["delta"]
    return bool(choice.get("finish_reason") or delta.get("content") or delta.get("tool_calls"))


def _service_key() -> Mapping[str, Any]:
    given = from_environment(_KEY)
    if not given:
        return {}
    try:
        found = orjson.loads(given)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{_KEY} does not hold a service key, which is JSON.")
    return found


def _base(options: SapSettings, key: Mapping[str, Any]) -> str:
    services = key.get("serviceurls")
    known = services.get("AI_API_URL") if isinstance(services, dict) else None
    given = options.base_url or str(known or "")
    if not given or (known and not options.deployment):
        raise ConfigError(
            "There is no deployment of SAP AI Core to ask.",
            hint='Set "base_url" to the deploymentUrl of your deployment of orchestration, or '
            f'"deployment" to its id and {_KEY} to a service key.',
        )
    base = checked_url(given, "base_url")
    if not options.deployment:
        return base.removesuffix(_PATHS[Task.CHAT])
    return f"{base.removesuffix('/v2')}/v2/inference/deployments/{segment(options.deployment)}"


def _template(message: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """Return a message as a template that says just what it says, and its values.

    All other messages go where SAP takes them as they are; in the last one, what looks like a
    placeholder would be taken for one.
    """
    values: dict[str, str] = {}

    def plain(text: str) -> str:
        if "{{" not in text and "{%" not in text:
            return text
        name = f"text_{len(values)}"
        values[name] = text
        return f"{{{{?{name}}}}}"

    made = dict(message)
    content = made.get("content")
    if isinstance(content, str):
        made["content"] = plain(content)
    elif isinstance(content, list):
        made["content"] = [
            {**part, "text": plain(part["text"])} if part.get("type") == "text" else part
            for part in content
        ]
    return made, values


def _embedding(request: LLMRequest) -> Json:
    asked = request.body
    model: Json = {"name": request.model}
    if "dimensions" in asked:
        model["params"] = {"dimensions": asked["dimensions"]}
    given: Json = {"text": contents.inputs(request, SapAiCore.vendor)}
    if "input_type" in asked:
        if asked["input_type"] not in _TYPES:
            known = ", ".join(_TYPES)
            raise unsupported(f"{SapAiCore.vendor} embeds {known}.", "input_type")
        given["type"] = asked["input_type"]
    return {"config": {"modules": {"embeddings": {"model": model}}}, "input": given}
