"""Amazon Bedrock: ``Converse``, ``ConverseStream``, and embeddings of Titan and Cohere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from botocore import eventstream
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMRequest,
    Task,
    Trouble,
)
from pegboard_llm import claude, contents, errors, estimate, shapes
from pegboard_llm.checks import unsupported
from pegboard_llm.sse import Event
from pegboard_llm.vendors import HttpProvider, Stream, fields, garbage, segment

from pegboard_bedrock import converse
from pegboard_bedrock.signing import BedrockSettings, Signer

VENDOR = converse.VENDOR

_TAKES = fields(
    {
        Task.CHAT: (
            "messages max_completion_tokens max_tokens metadata reasoning_effort response_format"
            " service_tier stop temperature tool_choice tools top_k top_p"
        ),
        Task.EMBEDDING: "input dimensions encoding_format input_type",
    }
)
_CLAUDES = frozenset({"reasoning_effort", "top_k"})
_SAMPLING = frozenset({"temperature", "top_k", "top_p"})
_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_TROUBLES = {
    "throttlingexception": Trouble.RATE,
    "modelnotreadyexception": Trouble.OVERLOADED,
    "serviceunavailableexception": Trouble.OVERLOADED,
    "modeltimeoutexception": Trouble.TIMEOUT,
    "modelerrorexception": Trouble.SERVER,
    "modelstreamerrorexception": Trouble.SERVER,
    "internalserverexception": Trouble.SERVER,
    "servicequotaexceededexception": Trouble.QUOTA,
    "resourcenotfoundexception": Trouble.NO_MODEL,
    "accessdeniedexception": Trouble.CREDENTIALS,
    "expiredtokenexception": Trouble.CREDENTIALS,
    "unrecognizedclientexception": Trouble.CREDENTIALS,
    "invalidsignatureexception": Trouble.CREDENTIALS,
}
_COUNT = "x-amzn-bedrock-input-token-count"


class Bedrock(HttpProvider):
    """Models on Amazon Bedrock."""

    vendor = VENDOR
    settings = BedrockSettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = _TAKES

    def __init__(self, options: BedrockSettings) -> None:
        super().__init__(options)
        self.credentials = self._signer = Signer(options)

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        """Return what a model takes: an embedder embeds, and Claude takes more than others."""
        if "embed" in model:
            taken = _TAKES[Task.EMBEDDING]
            return {Task.EMBEDDING: taken - {"input_type" if "titan" in model else "dimensions"}}
        taken = _TAKES[Task.CHAT]
        if not converse.is_claude(model):
            return {Task.CHAT: taken - _CLAUDES}
        version = claude.version_of(model)
        if version >= claude.NO_SAMPLING:
            taken -= _SAMPLING
        if version < claude.THINKS:
            taken -= {"reasoning_effort"}
        return {Task.CHAT: taken}

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        method = "invoke" if request.task is Task.EMBEDDING else "converse"
        method += "-stream" if request.stream else ""
        return f"{self._signer.url}/model/{segment(request.model)}/{method}"

    def headers(self) -> Mapping[str, str]:
        """Return nothing: what says who calls depends on the request."""
        return {}

    def call(self, request: LLMRequest) -> HttpCall:
        """Return the HTTP request, signed; the signature holds for some minutes."""
        url, body = self.url(request), shapes.encoded(self.body(request))
        accept = "application/vnd.amazon.eventstream" if request.stream else "application/json"
        return HttpCall(url, body, self._signer.headers(url, body, accept))

    def body(self, request: LLMRequest) -> Json:
        """Return the request in Bedrock's form."""
        return converse.body(request) if request.task is Task.CHAT else _embedding(request)

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        """Return an answer in OpenAI's form."""
        answer = super().answer(request, reply)
        counted = reply.headers.get(_COUNT, "")
        if request.task is Task.EMBEDDING and counted.isdecimal():
            answer["usage"] = {"prompt_tokens": int(counted), "total_tokens": int(counted)}
        return answer

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer in OpenAI's form."""
        if request.task is Task.EMBEDDING:
            return _vectors(request, value)
        texts, thoughts, calls, blocks = [], [], [], []
        for block in value["output"]["message"]["content"]:
            if "text" in block:
                texts.append(block["text"])
            elif use := block.get("toolUse"):
                arguments = shapes.encoded(use["input"]).decode()
                call = shapes.tool_call(use["toolUseId"] + "", use["name"] + "", arguments)
                calls.append(call)
            elif thought := block.get("reasoningContent"):
                if "reasoningText" in thought:
                    thoughts.append(thought["reasoningText"]["text"])
                blocks += _thinking(thought)
        content = "".join(texts) or (None if calls else "")
        message = shapes.message(content, tool_calls=calls, reasoning="".join(thoughts))
        if blocks:
            message["thinking_blocks"] = blocks
        choice = shapes.choice(message, _reason(value["stopReason"], bool(calls)))
        return shapes.chat(request.model, [choice], _usage(value["usage"]))

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)

    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply means; AWS names the kind of error in a header."""
        message, code, _ = errors.found_words(reply.body)
        named = reply.headers.get("x-amzn-errortype") or code
        kind = named.partition(":")[0].rpartition("#")[2].strip()
        error = errors.vendor_error(
            VENDOR, reply, secrets=self.secrets(), words=(message, kind, "")
        )
        known = _TROUBLES.get(kind.lower())
        if known is Trouble.CREDENTIALS and error.trouble is not known:
            return errors.error_of(VENDOR, known, message, status=reply.status)
        error.trouble = known or error.trouble
        return error


class _Frames:
    """AWS's binary event stream, as events with JSON."""

    def __init__(self) -> None:
        self._buffer = eventstream.EventStreamBuffer()

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are complete now."""
        self._buffer.add_data(data)
        try:
            return [_event(message) for message in self._buffer]
        except (eventstream.ParserError, ValueError, KeyError):
            raise garbage(VENDOR) from None

    def end(self) -> list[Event]:
        """Return nothing: a frame that is not whole is none."""
        return []


def _event(message: Any) -> Event:
    headers = message.headers
    kind = headers[":message-type"]
    if kind == "event":
        return str(headers[":event-type"]), message.payload
    if kind == "exception":
        return f"!{headers[':exception-type']}", message.payload
    said = {"message": str(headers.get(":error-message", ""))}
    return f"!{headers[':error-code']}", shapes.encoded(said)


class _Stream(Stream):
    """Events of ``ConverseStream``."""

    def __init__(self, provider: HttpProvider, request: LLMRequest) -> None:
        super().__init__(provider, request)
        self._events: Any = _Frames()
        self._calls: dict[int, int] = {}
        self._without_input: set[int] = set()
        self._thinking: dict[int, Json] = {}

    def on(self, name: str, event: Json) -> Sequence[Json]:
        """Return the chunks that an event stands for."""
        if name == "contentBlockDelta":
            return self._delta(event["contentBlockIndex"], event["delta"])
        if name == "contentBlockStart":
            return self._start(event["contentBlockIndex"], event.get("start") or {})
        if name == "contentBlockStop":
            return self._stop(event["contentBlockIndex"])
        if name == "messageStop" and not self.complete:
            self.complete = True
            return self.chunks.finish(_reason(event["stopReason"], bool(self._calls)))
        if name == "metadata":
            self.usage = _usage(event["usage"])
        elif name.startswith("!"):
            error = self.fail({"message": event.get("message") or "", "code": name[1:]})
            error.trouble = _TROUBLES.get(name[1:].lower(), error.trouble)
            raise error
        return ()

    def _start(self, index: int, start: Json) -> Sequence[Json]:
        use = start.get("toolUse")
        if not use:
            return ()
        position = self._calls[index] = len(self._calls)
        self._without_input.add(index)
        return [self.chunks.tool_start(position, use["toolUseId"] + "", use["name"] + "")]

    def _delta(self, index: int, delta: Json) -> Sequence[Json]:
        if "text" in delta:
            self.said.append(delta["text"])
            return [self.chunks.text(delta["text"] + "")]
        if "toolUse" in delta:
            more = delta["toolUse"]["input"] + ""
            if not more:
                return ()
            self._without_input.discard(index)
            return [self.chunks.tool_more(self._calls[index], more)]
        thought = delta.get("reasoningContent")
        if not thought:
            return ()
        if "redactedContent" in thought:
            return [self.chunks.delta({"thinking_blocks": _thinking(thought)})]
        block = self._thinking.setdefault(index, {"text": "", "signature": ""})
        block["signature"] += thought.get("signature", "")
        text = thought.get("text", "") + ""
        block["text"] += text
        return [self.chunks.reasoning(text)] if text else ()

    def _stop(self, index: int) -> Sequence[Json]:
        if index in self._without_input:
            return [self.chunks.tool_more(self._calls[index], "{}")]
        block = self._thinking.pop(index, None)
        if block is None:
            return ()
        blocks = _thinking({"reasoningText": block})
        return [self.chunks.delta({"thinking_blocks": blocks})] if blocks else ()


def _thinking(thought: Mapping[str, Any]) -> list[Json]:
    """Return what a model thought as it has to come back to it; only what is signed can."""
    if "redactedContent" in thought:
        return [{"type": "redacted_thinking", "data": thought["redactedContent"] + ""}]
    said = thought["reasoningText"]
    if not said.get("signature"):
        return []
    return [
        {"type": "thinking", "thinking": said["text"] + "", "signature": said["signature"] + ""}
    ]


def _reason(said: Any, calls: bool) -> str:
    ended = _REASONS.get(said, "stop")
    return "stop" if ended == "tool_calls" and not calls else ended


def _usage(said: Mapping[str, Any]) -> Json:
    def count(key: str) -> int:
        value = said.get(key) or 0
        if type(value) is not int or value < 0:
            raise TypeError
        return value

    read, written = count("cacheReadInputTokens"), count("cacheWriteInputTokens")
    prompt = count("inputTokens") + read + written
    return shapes.usage(prompt, count("outputTokens"), cached=read, cache_write=written)


# -- embeddings ----------------------------------------------------------------------------------


def _embedding(request: LLMRequest) -> Json:
    texts = contents.inputs(request, VENDOR)
    if "titan" not in request.model:
        kind = request.body.get("input_type", "search_document")
        return {"texts": texts, "input_type": kind}
    if len(texts) > 1:
        raise unsupported("Titan embeds one text at a time.", "input")
    made: Json = {"inputText": texts[0]}
    if "dimensions" in request.body:
        made["dimensions"] = request.body["dimensions"]
    return made


def _vectors(request: LLMRequest, value: Json) -> Json:
    wanted = request.body.get("encoding_format")
    if "embedding" in value:
        vector = [x + 0.0 for x in value["embedding"]]
        count = value["inputTextTokenCount"]
        if type(count) is not int or not vector:
            raise TypeError
        return shapes.embeddings(request.model, [vector], shapes.usage(count), wanted)
    vectors = value["embeddings"]
    if isinstance(vectors, dict):
        vectors = vectors["float"]
    if not vectors or not all(isinstance(vector, list) for vector in vectors):
        raise TypeError
    return shapes.embeddings(request.model, vectors, estimate.usage(request), wanted)
