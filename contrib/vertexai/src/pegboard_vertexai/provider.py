"""Google Cloud's Vertex AI: three APIs behind one address, chosen by a model's name.

Source: docs.cloud.google.com/vertex-ai, "Generate content", "Text embeddings API", "Request
predictions with Claude models", "Call open models by using the Chat Completions API"; platform.
claude.com, "Claude on Vertex AI".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Attribute, field, frozen, validators
from pegboard.config import HttpConfig
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMRequest,
    Task,
)
from pegboard.errors import ConfigError
from pegboard.settings import Secret, shared
from pegboard_llm import contents, estimate, shapes
from pegboard_llm.vendors import checked_url, fields, from_environment, segment
from pegboard_providers import AnthropicForm, GeminiForm, OpenAIForm, url_field

from pegboard_vertexai import identity

_LOCATION = re.compile(r"[a-z0-9-]*")
_GLOBAL, _OPEN = "global", "us-central1"
_SEVERAL_REGIONS = ("eu", "us")
_CLAUDES_VERSION = "vertex-2023-10-16"
_IS_OPEN = re.compile(r".*/.*|(mistral|codestral|jamba).*|.*-maas", re.S)


def _location(_: object, attribute: Attribute[str], value: str) -> None:
    # It becomes a part of the host that tokens are sent to.
    if not _LOCATION.fullmatch(value):
        raise ValueError(f"{attribute.name} must be a region such as europe-west4, or global")


@frozen(kw_only=True)
class VertexSettings:
    """A project on Google Cloud."""

    project: str = ""
    location: str = field(default="", validator=_location)
    credentials: Secret = field(factory=Secret)
    """The key of a service account, as JSON; without it, credentials are looked for."""
    base_url: str = url_field()
    """In place of the location's own address, such as that of a private endpoint."""
    token_url: str = url_field()
    """Where the service account's tokens are fetched, in place of what its key says."""
    max_tokens: int = field(default=0, validator=validators.ge(0))
    """The limit of Claude's answers if the request has none; 0: by model."""
    http: HttpConfig = shared(HttpConfig)


class Vertex(GeminiForm):
    """Models on Vertex AI. Gemini is its own; Claude and open models are in forms of theirs."""

    vendor = identity.VENDOR
    settings = VertexSettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = {
        **GeminiForm.takes,
        **fields({Task.EMBEDDING: "input dimensions encoding_format input_type"}),
    }

    def __init__(self, options: VertexSettings) -> None:
        super().__init__(options)
        key: Mapping[str, Any] = {}
        if options.credentials:
            key = identity.key_of_account(options.credentials.value, options.token_url)
            for line in str(key.get("private_key")).splitlines():
                self.keep_secret(line)  # Errors are told in one line.
            self.credentials = self._token = identity.token_of_account(key, options.http)
        elif options.base_url and not identity.is_googles(options.base_url):
            raise ConfigError(
                f"Credentials that are found go to {self.vendor}'s own addresses alone.",
                hint='For another "base_url", set "credentials" too.',
            )
        else:
            self.credentials = self._token = identity.token_that_is_found(options.http)
        variable = from_environment("GOOGLE_CLOUD_PROJECT")
        self._project = options.project or str(key.get("project_id") or "") or variable
        if not self._project:
            raise ConfigError(
                f"There is no project for {self.vendor}.",
                hint='Set "project", or the variable GOOGLE_CLOUD_PROJECT.',
            )
        self._claude = _Claude(options, self)
        self._open = _Open(options, self)

    def _form(self, model: str) -> _Claude | _Open | None:
        """Return the form that a model has; None for that of Gemini."""
        name = model.lower()
        if name.startswith("claude"):
            return self._claude
        return self._open if _IS_OPEN.fullmatch(name) else None

    def place(self, *, otherwise: str = _GLOBAL) -> str:
        """Return the address of the project in its location."""
        location = self.options.location or otherwise
        if self.options.base_url:
            host = checked_url(self.options.base_url, "base_url").removesuffix("/v1")
        elif location == _GLOBAL:
            host = "https://aiplatform.googleapis.com"
        elif location in _SEVERAL_REGIONS:
            host = f"https://aiplatform.{location}.rep.googleapis.com"
        else:
            host = f"https://{location}-aiplatform.googleapis.com"
        return f"{host}/v1/projects/{segment(self._project)}/locations/{location}"

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        """Return what a model takes."""
        form = self._form(model)
        if form is not None:
            return form.takes_of(model)
        task = Task.EMBEDDING if "embed" in model else Task.CHAT
        return {task: self.takes[task]}

    def call(self, request: LLMRequest) -> HttpCall:
        """Return the HTTP request."""
        form = self._form(request.model)
        return super().call(request) if form is None else form.call(request)

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        """Return an answer in OpenAI's form."""
        form = self._form(request.model)
        return super().answer(request, reply) if form is None else form.answer(request, reply)

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        form = self._form(request.model)
        return super().events(request) if form is None else form.events(request)

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        method = "predict" if request.task is Task.EMBEDDING else self.method(request)
        return f"{self.place()}/publishers/google/models/{model_segment(request.model)}:{method}"

    def headers(self) -> Mapping[str, str]:
        """Return the header that says who calls."""
        return {"authorization": self._token.bearer()}

    def embedding(self, request: LLMRequest) -> Json:
        """Return a request for vectors, which here are predictions."""
        asked = request.body
        purpose = {"task_type": asked["input_type"]} if "input_type" in asked else {}
        made: Json = {
            "instances": [
                {"content": text, **purpose} for text in contents.inputs(request, self.vendor)
            ]
        }
        if "dimensions" in asked:
            made["parameters"] = {"outputDimensionality": asked["dimensions"]}
        return made

    def vectors(self, request: LLMRequest, value: Json) -> Json:
        """Return vectors in OpenAI's form, with the tokens that Google counted."""
        found = [each["embeddings"] for each in value["predictions"]]
        counts = [(each.get("statistics") or {}).get("token_count") for each in found]
        numbers = [int(each) for each in counts if isinstance(each, int | float) and each >= 0]
        counted = len(numbers) == len(counts)
        usage = shapes.usage(sum(numbers)) if counted else estimate.usage(request)
        return self.listed(request, found, usage)


class _Claude(AnthropicForm):
    """Claude: the model is in the address, and the version in the body."""

    def __init__(self, options: VertexSettings, owner: Vertex) -> None:
        super().__init__(options)
        self._owner, self.credentials = owner, owner.credentials

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        """Return what a model takes; there are no tiers of service."""
        return {task: taken - {"service_tier"} for task, taken in super().takes_of(model).items()}

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        method = "streamRawPredict" if request.stream else "rawPredict"
        models = f"{self._owner.place()}/publishers/anthropic/models"
        return f"{models}/{model_segment(request.model)}:{method}"

    def headers(self) -> Mapping[str, str]:
        """Return the header that says who calls."""
        return self._owner.headers()

    def body(self, request: LLMRequest) -> Json:
        """Return the request in Anthropic's form."""
        made = super().body(request)
        del made["model"]
        return {"anthropic_version": _CLAUDES_VERSION, **made}


class _Open(OpenAIForm):
    """Open models, which speak as OpenAI does; their names begin with their publisher's."""

    vendor = identity.VENDOR
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: (
                "messages frequency_penalty logit_bias logprobs max_completion_tokens max_tokens n"
                " presence_penalty reasoning_effort response_format seed stop temperature"
                " tool_choice tools top_logprobs top_p user"
            )
        }
    )

    def __init__(self, options: VertexSettings, owner: Vertex) -> None:
        super().__init__(options)
        self._owner, self.credentials = owner, owner.credentials

    def url(self, request: LLMRequest) -> str:  # noqa: ARG002
        """Return where a request goes."""
        return f"{self._owner.place(otherwise=_OPEN)}/endpoints/openapi/chat/completions"

    def headers(self) -> Mapping[str, str]:
        """Return the header that says who calls."""
        return self._owner.headers()


def model_segment(model: str) -> str:
    """Return a model's name as a part of an address; Claude's have their dates behind an ``@``."""
    return segment(model).replace("%40", "@")
