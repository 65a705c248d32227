"""Cohere's API, version 2: chat and embed.

Source: docs.cohere.com, "Chat", "Chat with streaming", "Embed", "Errors".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import frozen
from pegboard.contracts.llm import EventReader, Json, LLMError, LLMRequest, Task, Trouble
from pegboard_llm import contents, errors, estimate, shapes
from pegboard_llm.checks import unsupported
from pegboard_llm.vendors import HttpProvider, Stream, checked_url, fields, key_of, variables_of

from pegboard_providers.settings import KeyAndAddress, extra_headers

BASE_URL = "https://api.cohere.com"

_RENAMES = {
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "temperature": "temperature",
    "top_k": "k",
    "top_p": "p",
    "safety_mode": "safety_mode",
    "documents": "documents",
}
_REASONS = {"MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}
_FAILED = frozenset({"ERROR", "TIMEOUT", "ERROR_TOXIC", "ERROR_LIMIT"})


@frozen(kw_only=True)
class CohereSettings(KeyAndAddress):
    """An account with Cohere."""

    input_type: str = "search_document"
    """What texts are embedded for, if a request does not say: see Cohere's ``input_type``."""


class Cohere(HttpProvider):
    """Cohere's models."""

    vendor = "Cohere"
    settings = CohereSettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: (
                "messages documents frequency_penalty max_completion_tokens max_tokens"
                " presence_penalty reasoning_effort response_format safety_mode seed stop"
                " temperature tool_choice tools top_k top_p"
            ),
            Task.EMBEDDING: "input dimensions encoding_format input_type truncate",
        }
    )

    def __init__(self, options: CohereSettings) -> None:
        super().__init__(options)
        base = checked_url(options.base_url or BASE_URL, "base_url")
        variables = variables_of(base, BASE_URL, "COHERE_API_KEY", "CO_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        base = base.removesuffix("/v1").removesuffix("/v2")
        self._urls = {Task.CHAT: f"{base}/v2/chat", Task.EMBEDDING: f"{base}/v2/embed"}
        self._headers = {"authorization": f"Bearer {key}", **extra_headers(options.headers)}

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        return self._urls[request.task]

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        return self._headers

    def body(self, request: LLMRequest) -> Json:
        """Return the request in Cohere's form."""
        return self._chat(request) if request.task is Task.CHAT else self._embed(request)

    def _embed(self, request: LLMRequest) -> Json:
        asked = request.body
        made: Json = {
            "model": request.model,
            "texts": contents.inputs(request, self.vendor),
            "input_type": asked.get("input_type", self.options.input_type),
            "embedding_types": ["float"],
        }
        if "dimensions" in asked:
            made["output_dimension"] = asked["dimensions"]
        if "truncate" in asked:
            made["truncate"] = asked["truncate"]
        return made

    def _chat(self, request: LLMRequest) -> Json:
        asked = request.body
        said = contents.messages(request, self.vendor)
        made: Json = {"model": request.model, "messages": [_message(each) for each in said]}
        made |= {theirs: asked[ours] for ours, theirs in _RENAMES.items() if ours in asked}
        if request.stream:
            made["stream"] = True
        for key in ("frequency_penalty", "presence_penalty"):
            if not 0 <= made.get(key, 0) <= 1:
                raise unsupported(f"Cohere takes a {key} from 0 to 1.", key)
        if (limit := contents.output_limit(request)) is not None:
            made["max_tokens"] = limit
        if stops := contents.stops(request):
            if len(stops) > 5:
                raise unsupported("Cohere stops at up to 5 texts.", "stop")
            made["stop_sequences"] = stops
        _add_tools(request, made)
        kind, schema = contents.json_schema(request)
        if kind != "text":
            made["response_format"] = {"type": "json_object"}
            if schema:
                made["response_format"]["json_schema"] = schema
        if "reasoning_effort" in asked:
            off = asked["reasoning_effort"] == "none"
            made["thinking"] = {"type": "disabled" if off else "enabled"}
        return made

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer in OpenAI's form."""
        if request.task is Task.EMBEDDING:
            vectors = value["embeddings"]["float"]
            if not vectors or not all(isinstance(vector, list) for vector in vectors):
                raise TypeError
            usage = _usage(value.get("meta")) or estimate.usage(request)
            wanted = request.body.get("encoding_format")
            return shapes.embeddings(request.model, vectors, usage, wanted)
        ended = value["finish_reason"] + ""
        if ended in _FAILED:
            raise _failed(ended)
        said = value["message"]
        texts, thoughts = [], [said.get("tool_plan") or ""]
        for part in said.get("content") or ():
            if part["type"] == "text":
                texts.append(part["text"])
            elif part["type"] == "thinking":
                thoughts.append(part["thinking"])
        calls = [_call(call) for call in said.get("tool_calls") or ()]
        content = "".join(texts) or (None if calls else "")
        message = shapes.message(content, tool_calls=calls, reasoning="".join(thoughts))
        answer = shapes.chat(
            request.model,
            [shapes.choice(message, _reason(ended, bool(calls)))],
            {},
            id=value["id"] + "",
        )
        answer["usage"] = _usage(value["usage"]) or estimate.usage(
            request, estimate.answer_text(answer)
        )
        return answer

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)


class _Stream(Stream):
    """Events of Cohere's chat."""

    def __init__(self, provider: HttpProvider, request: LLMRequest) -> None:
        super().__init__(provider, request)
        self._calls: dict[int, int] = {}

    def on(self, name: str, event: Json) -> Iterable[Json]:
        """Return the chunks that an event stands for."""
        kind = event.get("type")
        if kind is None:
            raise self.fail(event)
        if kind == "content-delta":
            content = event["delta"]["message"]["content"]
            if thought := content.get("thinking"):
                return [self.chunks.reasoning(thought + "")]
            text = content["text"] + ""
            self.said.append(text)
            return [self.chunks.text(text)] if text else ()
        if kind == "message-start":
            self.chunks.name(id=event["id"] + "")
        elif kind == "tool-plan-delta":
            return [self.chunks.reasoning(event["delta"]["message"]["tool_plan"] + "")]
        elif kind == "tool-call-start":
            call = event["delta"]["message"]["tool_calls"]
            position = self._calls[event["index"]] = len(self._calls)
            function = call["function"]
            arguments = (function.get("arguments") or "") + ""
            name = function["name"] + ""
            return [self.chunks.tool_start(position, call["id"] + "", name, arguments)]
        elif kind == "tool-call-delta":
            more = event["delta"]["message"]["tool_calls"]["function"]["arguments"] + ""
            return [self.chunks.tool_more(self._calls[event["index"]], more)]
        elif kind == "message-end":
            return self._end(event["delta"])
        return ()

    def _end(self, delta: Json) -> Iterable[Json]:
        ended = delta["finish_reason"] + ""
        if ended in _FAILED:
            raise _failed(ended)
        self.usage = _usage(delta.get("usage"))
        if self.complete:
            return ()
        self.complete = True
        return self.chunks.finish(_reason(ended, bool(self._calls)))


def _message(message: contents.Message) -> Json:
    made: Json = {"role": message.role}
    parts: list[Json] = []
    for kind, value, param in message.parts():
        if kind not in ("text", "image_url") or (kind == "image_url" and message.role != "user"):
            raise unsupported(f"Cohere takes no {kind} here.", param)
        parts.append({"type": kind, kind: value})
    if message.role == "tool":
        return {
            **made,
            "tool_call_id": message.said["tool_call_id"],
            "content": message.text("Cohere"),
        }
    if isinstance(message.said.get("content"), str):
        made["content"] = message.said["content"]
    elif parts:
        made["content"] = parts
    if calls := message.tool_calls():
        made["tool_calls"] = [
            {"id": call["id"], "type": "function", "function": call["function"]} for call in calls
        ]
        if plan := message.said.get("reasoning_content"):
            made["tool_plan"] = plan
    return made


def _add_tools(request: LLMRequest, made: Json) -> None:
    functions = list(contents.functions(request, "Cohere"))
    if not functions:
        return
    strict = [bool(function.get("strict")) for function in functions]
    if any(strict) and not all(strict):
        raise unsupported("Cohere is strict with all tools or with none.", "tools")
    made["tools"] = [
        {
            "type": "function",
            "function": {key: value for key, value in function.items() if key != "strict"},
        }
        for function in functions
    ]
    if all(strict):
        made["strict_tools"] = True
    how, _ = contents.chosen_tool(request, "Cohere")
    if how == "named":
        raise unsupported("Cohere cannot be held to one tool by name.", "tool_choice")
    if how in ("required", "none"):
        made["tool_choice"] = how.upper()


def _call(said: Json) -> Json:
    function = said["function"]
    arguments = (function.get("arguments") or "{}") + ""
    return shapes.tool_call(said["id"] + "", function["name"] + "", arguments)


def _reason(said: str, calls: bool) -> str:
    ended = _REASONS.get(said, "stop")
    return "stop" if ended == "tool_calls" and not calls else ended


def _failed(ended: str) -> LLMError:
    trouble = {"TIMEOUT": Trouble.TIMEOUT, "ERROR_TOXIC": Trouble.FILTERED}.get(ended)
    return errors.error_of("Cohere", trouble or Trouble.SERVER, f"the answer ended with {ended}")


def _usage(said: Any) -> Json | None:
    """Return what is billed, else what was counted."""
    if not isinstance(said, Mapping):
        return None
    for key in ("billed_units", "tokens"):
        units = said.get(key) or {}
        counts = [units.get("input_tokens"), units.get("output_tokens", 0)]
        if all(isinstance(count, int | float) and count >= 0 for count in counts):
            return shapes.usage(int(counts[0]), int(counts[1]))
    return None
