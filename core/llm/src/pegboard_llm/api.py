"""Language models from scripts: ``pegboard.llm``, without any server.

``complete``, ``stream`` and ``embed`` ask a model, which a URI names: ``PROVIDER:/MODEL``, or
``gateway:/NAME`` for an endpoint of a running gateway. Each has a twin for ``asyncio``.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from attrs import frozen
from pegboard import host as hosts
from pegboard.contracts.llm import Json, LLMError, LLMRequest, Model, Task, Trouble
from pegboard.errors import ConfigError, InvalidValue, quoted

from pegboard_llm import checks, gateways
from pegboard_llm.answers import AsyncStream, Completion, Delta, Embeddings, Stream
from pegboard_llm.calling import Caller

__all__ = [
    "AsyncStream",
    "Completion",
    "Delta",
    "Embeddings",
    "LLMError",
    "Stream",
    "Trouble",
    "acomplete",
    "aembed",
    "astream",
    "check_model",
    "complete",
    "embed",
    "stream",
]

_URI = re.compile(r"([a-z][a-z0-9-]*):/(.+)", re.S)
Messages = str | Sequence[Mapping[str, Any]]


def complete(
    model: str,
    messages: Messages,
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    **fields: Any,
) -> Completion:
    """Ask a model, and return its answer.

    Args:
        model: ``PROVIDER:/MODEL`` or ``gateway:/NAME``.
        messages: what was said, in OpenAI's form; a text is a message of the user.
        settings: of the provider, in place of those in ``[plugins.llm.providers]``.
        timeout: seconds to wait for the answer, in place of the settings' ``timeout_seconds``.
        retries: how often to try again, in place of the settings'.
        fields: other fields of OpenAI's chat completions, such as ``temperature``.

    Raises:
        LLMError: the model gave no answer; ``trouble`` says why.
    """
    asked = _asked(Task.CHAT, model, settings, _said(messages, fields))
    raw = asked.answer(timeout, retries)
    return Completion(raw=raw, provider=asked.provider, model=asked.request.model)


def stream(
    model: str,
    messages: Messages,
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    **fields: Any,
) -> Stream:
    """Ask a model, and return its answer as it comes; arguments and errors as of ``complete``."""
    asked = _asked(Task.CHAT, model, settings, {**_said(messages, fields), "stream": True})
    chunks, stop = asked.caller.stream(asked.model, asked.request, timeout)
    return Stream(chunks, stop, asked.provider, asked.request.model)


def embed(
    model: str,
    texts: str | Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    **fields: Any,
) -> Embeddings:
    """Return the vectors of texts; arguments and errors as of ``complete``."""
    given = [texts] if isinstance(texts, str) else list(texts)
    asked = _asked(Task.EMBEDDING, model, settings, {**fields, "input": given})
    return Embeddings(raw=asked.answer(timeout), provider=asked.provider, model=asked.request.model)


async def acomplete(model: str, messages: Messages, **given: Any) -> Completion:
    """Do as ``complete``, without holding up other tasks."""
    return await asyncio.to_thread(complete, model, messages, **given)


async def aembed(model: str, texts: str | Sequence[str], **given: Any) -> Embeddings:
    """Do as ``embed``, without holding up other tasks."""
    return await asyncio.to_thread(embed, model, texts, **given)


def astream(model: str, messages: Messages, **given: Any) -> AsyncStream:
    """Ask a model, and return its answer as it comes, to be read with ``async for``."""
    return AsyncStream(partial(stream, model, messages, **given))


# -- finding the model ---------------------------------------------------------------------------


@frozen
class _Asked:
    """A request, and of whom."""

    caller: Caller
    provider: str
    model: Model
    request: LLMRequest

    def answer(self, timeout: float | None, retries: int | None = None) -> Json:
        return self.caller.answer(self.model, self.request, timeout, retries)


class _Opened:
    """What was opened for a host: models with settings of their own, kept as they may be large."""

    def __init__(self, host: hosts.Host) -> None:
        self.host = host
        self.settings = host.settings("llm")
        self.caller = Caller(self.settings)
        self._models: dict[str, Model] = {}
        self._lock = threading.Lock()

    def model(self, name: str, given: Mapping[str, Any] | None) -> tuple[str, Model]:
        """Return the name of a provider, and the provider with its settings."""
        if name in gateways.SCHEMES:
            return name, gateways.Gateway(gateways.settings_of(name, self.host, self.settings))
        table = {**self.settings.providers.get(name, {}), **(given or {})}
        provider = table.pop("provider", name)
        if not isinstance(provider, str):
            raise ConfigError(f"[plugins.llm.providers.{name}] provider: expected text.")
        key = json.dumps([provider, table], sort_keys=True, default=repr)
        with self._lock:
            if given is not None or key not in self._models:
                where = f"[plugins.llm.providers.{name}]"
                made = self.host.llm_provider(provider, table, where)
                if given is not None:
                    return provider, made
                self._models[key] = made
            return provider, self._models[key]


_opened: WeakKeyDictionary[hosts.Host, _Opened] = WeakKeyDictionary()
_lock = threading.Lock()


def check_model(uri: str) -> None:
    """Refuse a model that nobody can ask from here, before it is asked; nothing is sent.

    InvalidValue for what names none, PluginError for a provider that no plugin has, ConfigError for
    one that lacks its settings.
    """
    _found(uri, None)


def _found(uri: str, given: Mapping[str, Any] | None) -> tuple[_Opened, str, Model, str]:
    """Return what is open, the name of the provider, the provider, and the name of the model."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidValue(
            f"{quoted(uri)} does not name a model.",
            hint="Write it as PROVIDER:/MODEL, such as 'openai:/gpt-4o-mini', or gateway:/NAME.",
        )
    current = hosts.current()
    with _lock:
        opened = _opened.get(current)
        if opened is None:
            opened = _opened[current] = _Opened(current)
    return opened, *opened.model(match[1], given), match[2]


def _asked(
    task: Task, uri: str, given: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> _Asked:
    opened, provider, model, name = _found(uri, given)
    request = checks.checked(task, dict(body), name)
    if not isinstance(model, gateways.Gateway):
        checks.refuse_others(request, model.takes_of(request.model), provider)
    return _Asked(opened.caller, provider, model, request)


def _said(messages: Messages, fields: Mapping[str, Any]) -> Json:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return {**fields, "messages": [dict(message) for message in messages]}
