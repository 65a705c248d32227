"""Requests that go to a vendor as they are: what is sent, and what of the answer is counted.

Nobody reads what such an answer says. Only the tokens that it took are looked for, in the forms of
OpenAI, Anthropic and Gemini; where it does not tell them, they are estimated from its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pegboard.contracts.llm import EventReader, HttpCall, Json, LLMError, LLMProvider, Trouble
from pegboard_llm.sse import Events

from pegboard_gateway.entities import MAX_TOKENS, Passed

BYTES = "bytes"
"""The field of an event that holds what is passed back; the first has ``media_type`` as well."""
MEDIA_TYPE = "media_type"
_LONGEST = 4 << 20
"""Bytes of an answer that are read for its usage; of a longer one it is estimated."""
_PROMPT = ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count")
_OUTPUT = ("completion_tokens", "output_tokens", "candidatesTokenCount", "thoughtsTokenCount")


def call_of(model: LLMProvider, passed: Passed, name: str) -> HttpCall:
    """Return what is sent; LLMError UNSUPPORTED if the vendor is not called so.

    A ``model`` in the body is the target's: a client of an endpoint cannot ask for another one.
    """
    body = orjson.loads(passed.content)
    content = passed.content
    if "model" in body and body["model"] != name:
        content = orjson.dumps({**body, "model": name})
    found = model.passed(passed.path, content)
    if found is None:
        raise LLMError(Trouble.UNSUPPORTED, "This provider's API is not called as it is.")
    return found


class PassedReader(EventReader):
    """Makes an event of each piece that comes, and one with the usage at the end."""

    def __init__(self, headers: Mapping[str, str], passed: Passed) -> None:
        """``headers`` are those of the answer."""
        self._type = headers.get("content-type", "application/json")
        kind = self._type.partition(";")[0].strip().lower()
        self._events = Events() if kind == "text/event-stream" else None
        self._kept: bytearray | None = bytearray()
        self._size = 0
        self._prompt = passed.prompt
        self._found: dict[str, int] = {}

    def feed(self, data: bytes) -> Sequence[Json]:
        """Return what came."""
        first = {} if self._size else {MEDIA_TYPE: self._type}
        self._size += len(data)
        if self._events is not None:
            try:
                for _, text in self._events.feed(data):
                    self._look(text)
            except LLMError:
                # It is not what it says that it is, which is its reader's affair.
                self._events, self._kept = None, None
        elif self._kept is not None:
            self._kept += data
            if len(self._kept) > _LONGEST:
                self._kept = None
        return [{BYTES: data, **first}]

    def end(self) -> Sequence[Json]:
        """Return what was used."""
        if self._events is None and self._kept:
            self._look(bytes(self._kept))
        if self._found:
            usage: Json = {
                "prompt_tokens": self._found.get("prompt", self._prompt),
                "completion_tokens": self._found.get("output", 0),
            }
        else:
            usage = {
                "prompt_tokens": self._prompt,
                "completion_tokens": -(-self._size // 4),
                "estimated": True,
            }
        first = {} if self._size else {MEDIA_TYPE: self._type}
        return [{BYTES: b"", "usage": usage, **first}]

    def _look(self, text: bytes) -> None:
        """Note the usage that a part of the answer tells: the most of what was told so far."""
        if b"oken" not in text:
            return
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        for place in (value, *(_inside(value, name) for name in ("message", "response"))):
            for name in ("usage", "usageMetadata"):
                told = _inside(place, name)
                for kind, names in (("prompt", _PROMPT), ("output", _OUTPUT)):
                    counts = [_count(_inside(told, each)) for each in names]
                    if any(count is not None for count in counts):
                        most = sum(count or 0 for count in counts)
                        self._found[kind] = max(self._found.get(kind, 0), most)


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(max(0, min(value, MAX_TOKENS)))
