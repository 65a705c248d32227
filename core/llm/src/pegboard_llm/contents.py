"""Messages in OpenAI's form, taken apart for vendors with forms of their own."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard.contracts.llm import LLMRequest

from pegboard_llm.checks import invalid, unsupported

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,(.*)", re.S)


@frozen
class Data:
    """What a ``data:`` URL holds."""

    media_type: str
    content: str
    """In base64."""


@frozen
class Message:
    """A message, and where it stands: ``messages[3]``."""

    said: Mapping[str, Any]
    param: str

    @property
    def role(self) -> str:
        """Who speaks; ``developer`` is another word for ``system``."""
        role: str = self.said["role"]
        return "system" if role == "developer" else role

    def parts(self) -> Iterator[tuple[str, Any, str]]:
        """Yield kind, value and place of each part of the content; a text is one part."""
        content = self.said.get("content")
        if isinstance(content, str):
            if content:
                yield "text", content, f"{self.param}.content"
            return
        for i, part in enumerate(content or ()):
            kind = part["type"]
            yield kind, part[kind], f"{self.param}.content[{i}]"

    def text(self, vendor: str) -> str:
        """Return the content, of which all parts have to be text."""
        found = []
        for kind, value, param in self.parts():
            if kind != "text":
                raise unsupported(f"{vendor} takes nothing but text here.", param)
            found.append(value)
        return "".join(found)

    def tool_calls(self) -> Sequence[Mapping[str, Any]]:
        """Return the calls of functions that an assistant made."""
        calls: Sequence[Mapping[str, Any]] = self.said.get("tool_calls") or ()
        for i, call in enumerate(calls):
            if call.get("type", "function") != "function":
                where = f"{self.param}.tool_calls[{i}]"
                raise unsupported("Of tools, only functions are taken.", where)
        return calls


def messages(request: LLMRequest, vendor: str) -> list[Message]:
    """Return the messages of a request.

    LLMError UNSUPPORTED for what only OpenAI has: names of speakers, and the role ``function``.
    """
    found = [Message(said, f"messages[{i}]") for i, said in enumerate(request.body["messages"])]
    for message in found:
        if message.said.get("name"):
            raise unsupported(f"{vendor} has no names of speakers.", f"{message.param}.name")
        if message.role == "function":
            raise unsupported(f"{vendor} has no role 'function'.", f"{message.param}.role")
    return found


def data_of(url: str, param: str) -> Data | None:
    """Return what a ``data:`` URL holds, None for another URL; LLMError INVALID if it is broken."""
    if not url.startswith("data:"):
        return None
    match = _DATA.fullmatch(url)
    if match is None or not match[3]:
        invalid(
            f"{param!r} must be a data URL in base64, such as 'data:image/png;base64,…'.", param
        )
    try:
        base64.b64decode(match[4], validate=True)
    except binascii.Error:
        invalid(f"{param!r} is not base64.", param)
    return Data(match[1] or "text/plain", match[4])


def functions(request: LLMRequest, vendor: str) -> Iterator[Mapping[str, Any]]:
    """Yield the functions among the tools of a request."""
    for i, tool in enumerate(request.body.get("tools") or ()):
        if tool["type"] != "function":
            raise unsupported(f"{vendor} has no tools but functions.", f"tools[{i}].type")
        yield tool["function"]


def chosen_tool(request: LLMRequest, vendor: str) -> tuple[str, str]:
    """Return how a tool is to be chosen: ``auto``, ``none``, ``required``, ``named``; and its name.

    Empty if the request does not say.
    """
    choice = request.body.get("tool_choice")
    if choice is None:
        return "", ""
    if isinstance(choice, str):
        return choice, ""
    if choice["type"] != "function":
        raise unsupported(f"{vendor} has no such choice of tools.", "tool_choice")
    return "named", choice["function"]["name"]


def stops(request: LLMRequest) -> list[str]:
    """Return the texts at which an answer is to stop."""
    stop = request.body.get("stop")
    return [stop] if isinstance(stop, str) else list(stop or ())


def inputs(request: LLMRequest, vendor: str) -> list[str]:
    """Return the texts to embed or to complete; LLMError UNSUPPORTED for tokens."""
    key = "prompt" if "prompt" in request.body else "input"
    value = request.body[key]
    texts = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(text, str) for text in texts):
        raise unsupported(f"{vendor} takes texts, not tokens.", key)
    return texts


def json_schema(request: LLMRequest) -> tuple[str, Mapping[str, Any]]:
    """Return the kind of answer that is asked for, and the schema if it is ``json_schema``."""
    wanted = request.body.get("response_format") or {"type": "text"}
    kind: str = wanted["type"]
    schema = wanted["json_schema"].get("schema") or {} if kind == "json_schema" else {}
    return kind, schema


def output_limit(request: LLMRequest) -> int | None:
    """Return the most tokens that an answer may have, if the request says so."""
    limit = request.body.get("max_completion_tokens")
    found: int | None = request.body.get("max_tokens") if limit is None else limit
    return found
