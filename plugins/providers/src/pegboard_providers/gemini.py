"""Google's Gemini API: ``generateContent``, its stream, and ``batchEmbedContents``.

Source: ai.google.dev, "Generating content", "Embeddings", "Thinking", "Function calling".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from attrs import frozen
from pegboard.contracts.llm import (
    EventReader,
    HttpReply,
    Json,
    LLMError,
    LLMRequest,
    Task,
    Trouble,
)
from pegboard_llm import contents, errors, estimate, shapes
from pegboard_llm.vendors import (
    HttpProvider,
    Stream,
    checked_url,
    fields,
    from_environment,
    key_of,
    segment,
    variables_of,
)

from pegboard_providers import gemini_contents as translate
from pegboard_providers.settings import KeyAndAddress, extra_headers

BASE_URL = "https://generativelanguage.googleapis.com"

_TAKES = fields(
    {
        Task.CHAT: (
            "messages frequency_penalty logprobs max_completion_tokens max_tokens n"
            " presence_penalty reasoning_effort response_format seed stop temperature tool_choice"
            " tools top_k top_logprobs top_p"
        ),
        Task.EMBEDDING: "input dimensions encoding_format",
    }
)
_REASONS = {
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "LANGUAGE": "content_filter",
}
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


@frozen(kw_only=True)
class GeminiSettings(KeyAndAddress):
    """An account with Google AI."""

    version: str = "v1beta"


class GeminiForm(HttpProvider):
    """Google's ``generateContent``, wherever it is and whoever calls it."""

    vendor = "Gemini"
    takes = _TAKES

    def method(self, request: LLMRequest) -> str:
        """Return the end of the address of a chat."""
        return "streamGenerateContent?alt=sse" if request.stream else "generateContent"

    def body(self, request: LLMRequest) -> Json:
        """Return the request in Gemini's form."""
        return translate.body(request) if request.task is Task.CHAT else self.embedding(request)

    def embedding(self, request: LLMRequest) -> Json:
        """Return a request for vectors."""
        model = f"models/{request.model.removeprefix('models/')}"
        more = (
            {"outputDimensionality": request.body["dimensions"]}
            if "dimensions" in request.body
            else {}
        )
        return {
            "requests": [
                {"model": model, "content": {"parts": [{"text": text}]}, **more}
                for text in contents.inputs(request, self.vendor)
            ]
        }

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer in OpenAI's form."""
        if request.task is Task.EMBEDDING:
            return self.vectors(request, value)
        if not value.get("candidates"):
            raise _blocked(value)
        choices = [_choice(i, each) for i, each in enumerate(value["candidates"])]
        return shapes.chat(
            value.get("modelVersion", request.model) + "",
            choices,
            _usage(value["usageMetadata"]),
            id=value.get("responseId", "") + "",
        )

    def vectors(self, request: LLMRequest, value: Json) -> Json:
        """Return vectors in OpenAI's form."""
        return self.listed(request, value["embeddings"], estimate.usage(request))

    def listed(self, request: LLMRequest, found: list[Json], usage: Json) -> Json:
        """Return what Google calls embeddings as OpenAI's list."""
        vectors = [[x + 0.0 for x in each["values"]] for each in found]
        if not vectors:
            raise ValueError
        wanted = request.body.get("encoding_format")
        return shapes.embeddings(request.model, vectors, usage, wanted)

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)

    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply means. Google calls every limit a quota, and says when it is over."""
        error = super().error(reply)
        delay = _retry_delay(reply.body)
        if reply.status == 429:
            error.trouble = Trouble.RATE
        if error.retry_after is None:
            error.retry_after = delay
        return error


class Gemini(GeminiForm):
    """Gemini."""

    settings = GeminiSettings

    def __init__(self, options: GeminiSettings) -> None:
        super().__init__(options)
        home = from_environment("GEMINI_BASE_URL") or BASE_URL
        base = checked_url(options.base_url or home, "base_url")
        self._base = f"{base}/{segment(options.version)}/models/"
        variables = variables_of(base, home, "GEMINI_API_KEY", "GOOGLE_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        self._headers = {"x-goog-api-key": key, **extra_headers(options.headers)}

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        model = self._base + segment(request.model.removeprefix("models/"))
        if request.task is Task.EMBEDDING:
            return f"{model}:batchEmbedContents"
        return f"{model}:{self.method(request)}"

    def root(self) -> str:
        """Return the address of the API."""
        return self._base.removesuffix("/models/")

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        return self._headers


class _Stream(Stream):
    """Events that are answers, each with what is new."""

    def __init__(self, provider: HttpProvider, request: LLMRequest) -> None:
        super().__init__(provider, request)
        self._calls: dict[int, int] = {}
        self._open: set[int] = set()
        self._ended: set[int] = set()
        self._expected = int(request.body.get("n") or 1)

    def on(self, name: str, event: Json) -> Iterable[Json]:  # noqa: ARG002
        """Return the chunks that an event stands for."""
        if "error" in event:
            error = event["error"]
            status = error.get("code") if isinstance(error, dict) else None
            raise self.fail(event, status if type(status) is int else 200)
        model = event.get("modelVersion", "") + ""
        self.chunks.name(id=event.get("responseId", "") + "", model=model)
        if counted := event.get("usageMetadata"):
            self.usage = _usage(counted)
        candidates = event.get("candidates")
        if not candidates:
            if "promptFeedback" in event:
                raise _blocked(event)
            if "usageMetadata" not in event:
                raise KeyError("candidates")
            return ()
        found: list[Json] = []
        for position, candidate in enumerate(candidates):
            found.extend(self._candidate(candidate.get("index", position), candidate))
        return found

    def _candidate(self, index: int, candidate: Json) -> Iterable[Json]:
        found: list[Json] = []
        if index in self._ended:
            return found
        self._open.add(index)
        logprobs = _logprobs(candidate)
        for part in _parts(candidate):
            if "functionCall" in part:
                position = self._calls.get(index, 0)
                self._calls[index] = position + 1
                call = {"index": position, **_call(part)}
                found.append(self.chunks.delta({"tool_calls": [call]}, index))
            elif part.get("text"):
                text = part["text"] + ""
                self.said.append(text)
                kind = "reasoning_content" if part.get("thought") else "content"
                found.append(self.chunks.delta({kind: text}, index, logprobs))
                logprobs = None
        if (ended := candidate.get("finishReason")) is not None:
            found += self.chunks.finish(_reason(ended, index in self._calls), index)
            self._ended.add(index)
            self.complete = len(self._ended) >= self._expected and self._ended == self._open
        return found


def _choice(index: int, candidate: Json) -> Json:
    texts, thoughts, calls = [], [], []
    for part in _parts(candidate):
        if "functionCall" in part:
            calls.append(_call(part))
        elif part.get("thought"):
            thoughts.append(part["text"])
        elif "text" in part:
            texts.append(part["text"])
    content = "".join(texts) or (None if calls else "")
    message = shapes.message(content, tool_calls=calls, reasoning="".join(thoughts))
    ended = _reason(candidate["finishReason"], bool(calls))
    return shapes.choice(message, ended, index, _logprobs(candidate))


def _parts(candidate: Json) -> list[Json]:
    """Return the parts of a candidate; one that was blocked has none."""
    content = candidate.get("content") or {}
    parts: list[Json] = content.get("parts") or []
    return parts


def _call(part: Json) -> Json:
    said = part["functionCall"]
    arguments = shapes.encoded(said.get("args") or {}).decode()
    name = said["name"] + ""
    call = shapes.tool_call(said.get("id") or shapes.new_id("call"), name, arguments)
    if signature := part.get("thoughtSignature"):
        call["extra_content"] = {"google": {"thought_signature": signature + ""}}
    return call


def _reason(said: Any, calls: bool) -> str:
    return _REASONS.get(said, "tool_calls" if calls else "stop")


def _logprobs(candidate: Json) -> Json | None:
    said = candidate.get("logprobsResult")
    if not said:
        return None
    tops = said.get("topCandidates") or []
    content = []
    for i, chosen in enumerate(said.get("chosenCandidates") or ()):
        among = tops[i].get("candidates") or () if i < len(tops) else ()
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(each) for each in among]})
    return {"content": content, "refusal": None}


def _logprob(said: Json) -> Json:
    token = said["token"] + ""
    logprob = said["logProbability"] + 0.0
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _usage(said: Mapping[str, Any]) -> Json:
    def count(key: str) -> int:
        value = said.get(key) or 0
        if type(value) is not int or value < 0:
            raise TypeError
        return value

    prompt = count("promptTokenCount") + count("toolUsePromptTokenCount")
    thoughts = count("thoughtsTokenCount")
    return shapes.usage(
        prompt,
        count("candidatesTokenCount") + thoughts,
        cached=min(count("cachedContentTokenCount"), prompt),
        reasoning=thoughts,
    )


def _blocked(value: Json) -> LLMError:
    why = value["promptFeedback"]["blockReason"]
    return errors.error_of("Gemini", Trouble.FILTERED, f"the prompt was blocked ({why + ''})")


def _retry_delay(body: bytes) -> float | None:
    """Return the seconds that an error's ``RetryInfo`` asks to wait."""
    try:
        value = orjson.loads(body)
        details = (value[0] if isinstance(value, list) else value)["error"]["details"]
        for detail in details:
            if (delay := detail.get("retryDelay")) and (match := _DELAY.fullmatch(delay)):
                return min(float(match[1]), errors.MAX_RETRY_AFTER)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        pass
    return None
