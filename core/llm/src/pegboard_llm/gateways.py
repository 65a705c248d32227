"""A running gateway as a provider: ``gateway:/NAME`` and ``endpoints:/NAME``.

A gateway speaks OpenAI's form, so what a client asks goes as it is; what an endpoint takes is the
gateway's to say.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen
from pegboard.contracts.llm import EventReader, HttpReply, Json, LLMError, LLMRequest, Task, Trouble
from pegboard.errors import ConfigError
from pegboard.settings import Secret

from pegboard_llm import errors, estimate
from pegboard_llm.vendors import (
    HttpProvider,
    Stream,
    checked_url,
    from_environment,
    same_origin,
    segment,
)

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_llm.settings import Settings

SCHEMES = ("gateway", "endpoints")

_PATHS = {
    Task.CHAT: "/v1/chat/completions",
    Task.COMPLETION: "/v1/completions",
    Task.EMBEDDING: "/v1/embeddings",
}


_TROUBLES: Mapping[str, Trouble] = {trouble.value: trouble for trouble in Trouble}


@frozen(kw_only=True)
class GatewaySettings:
    """Where a gateway is. ``path`` names the endpoint's own address, if it has one."""

    base_url: str
    authorization: Secret = field(factory=Secret)
    path: str = ""


class Gateway(HttpProvider):
    """The endpoints of a gateway."""

    vendor = "The gateway"
    settings = GatewaySettings
    takes: Mapping[Task, frozenset[str]] = {}  # type: ignore[misc]

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        path = self.options.path or _PATHS[request.task]
        return f"{self.options.base_url}{path.format(name=segment(request.model))}"

    def body(self, request: LLMRequest) -> Json:
        """Return the request as it is."""
        body = dict(request.body)
        if not self.options.path:
            body["model"] = request.model
        if request.stream:
            body["stream"] = True
            if not self.options.path:
                body["stream_options"] = {"include_usage": True}
        return body

    def headers(self) -> Mapping[str, str]:
        """Return the header that says who calls."""
        value = self.options.authorization.value
        return {"authorization": value} if value else {}

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return the answer, which is OpenAI's."""
        if request.task is Task.EMBEDDING:
            if not isinstance(value["data"], list):
                raise TypeError
        elif value["choices"][0]["index"] != 0:
            raise ValueError
        usage = value.get("usage")
        if not isinstance(usage, dict) or type(usage.get("prompt_tokens")) is not int:
            value["usage"] = estimate.usage(request, estimate.answer_text(value))
        return value

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)

    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply means: our gateway names the trouble itself."""
        error = super().error(reply)
        _, code, _ = errors.found_words(reply.body)
        for word in code.split():
            error.trouble = _TROUBLES.get(word, error.trouble)
        return error


class _Stream(Stream):
    """OpenAI's chunks as a gateway passes them on."""

    def on(self, name: str, event: Json) -> Iterable[Json]:  # noqa: ARG002
        """Return the chunk."""
        if "error" in event or "choices" not in event:
            raise self.fail(event)
        if event.get("usage"):
            self.usage = event["usage"]
        choices = event["choices"]
        if not choices:
            return ()
        self.chunks.name(id=event.get("id") or "", model=event.get("model") or "")
        for choice in choices:
            delta = choice.get("delta") or {}
            self.said.append(delta.get("content") or choice.get("text") or "")
            if choice.get("finish_reason") is not None:
                self.complete = True
        event.pop("usage", None)
        return (event,)


def settings_of(scheme: str, host: Host, settings: Settings) -> GatewaySettings:
    """Return where the gateway is that a URI of this scheme means; ConfigError if nowhere.

    That is the one of the settings or of ``PEGBOARD_GATEWAY_URI``; for ``endpoints:/`` the one of
    ``MLFLOW_DEPLOYMENTS_TARGET`` too; else the tracking server, if there is one.
    """
    uri = from_environment("PEGBOARD_GATEWAY_URI") or settings.gateway_uri
    # A key of the settings is for the address of the settings, if they have one.
    own = not settings.gateway_uri or same_origin(uri, settings.gateway_uri)
    key = from_environment("PEGBOARD_GATEWAY_KEY") or (settings.gateway_key.value if own else "")
    if uri:
        made = checked_url(uri, "the address of the gateway").removesuffix("/v1")
        return GatewaySettings(base_url=made, authorization=_bearer(key))
    if scheme == "endpoints" and (uri := from_environment("MLFLOW_DEPLOYMENTS_TARGET")):
        made = checked_url(uri, "MLFLOW_DEPLOYMENTS_TARGET")
        path = "/endpoints/{name}/invocations"
        return GatewaySettings(base_url=made, authorization=_bearer(key), path=path)
    tracking = os.environ.get("PEGBOARD_TRACKING_URI") or os.environ.get("MLFLOW_TRACKING_URI")
    uri = tracking or host.config.pegboard.tracking_uri
    if not uri.startswith(("http://", "https://")):
        raise ConfigError(
            "There is no gateway to ask: neither PEGBOARD_GATEWAY_URI nor the tracking URI names a "
            "server.",
            hint="Start one with 'pegboard gateway start', and set PEGBOARD_GATEWAY_URI to its "
            "address.",
        )
    return _of_server(uri, key, settings)


def _of_server(uri: str, key: str, settings: Settings) -> GatewaySettings:
    from pegboard_wire.client.options import options_for, server_of

    options = options_for(uri, settings.http)
    if key:
        authorization = _bearer(key)
    elif options.username or options.password:
        pair = f"{options.username}:{options.password}".encode()
        authorization = Secret(f"Basic {base64.b64encode(pair).decode()}")
    else:
        authorization = _bearer(options.token)
    path = "/gateway/{name}/mlflow/invocations"
    return GatewaySettings(base_url=server_of(uri).url, authorization=authorization, path=path)


def _bearer(key: str) -> Secret:
    return Secret(f"Bearer {key.strip()}" if key else "")
