"""What llama.cpp answers, as OpenAI's chunks: without its own fields, and with the usage of all."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task
from pegboard_llm import shapes

from pegboard_llamacpp import tools
from pegboard_llamacpp.engine import Engine
from pegboard_llamacpp.refusals import refused
from pegboard_llamacpp.running import Running


class Chunks(Iterator[Json]):
    """The chunks of one request, the last with its usage. Any thread may close it."""

    def __init__(
        self, request: LLMRequest, engine: Engine, running: Running, *, knows_tools: bool = False
    ) -> None:
        self._request = request
        self._engine = engine
        self._running = running
        self._made = shapes.Chunks(request.model, task=request.task)
        chats = request.task is Task.CHAT
        self._calls = chats and tools.are_json(request, knows_tools)
        self._answers: dict[int, tools.Answer] = {}
        self._usage: dict[int, Json] = {}
        self._ready: deque[Json] = deque()
        self._ended = False

    def __next__(self) -> Json:
        """Return the next chunk, as soon as the model has it."""
        while not self._ready:
            if self._ended:
                raise StopIteration
            try:
                index, text = next(self._running)
                self._ready.extend(self._chunks(index, orjson.loads(text)))
            except StopIteration:
                return self._end()
            except BaseException as error:
                self.close()
                if isinstance(error, LLMError) and error.param not in self._request.body:
                    error.param = "tools" if error.param == "response_format" else error.param
                raise
        return self._ready.popleft()

    def close(self) -> None:
        """Stop the model, if it has not ended, and wait until its slot is free."""
        self._ended = True
        self._ready.clear()
        self._running.close()
        self._engine.done(self._running)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # It was never made.
            self._running.stop()
            self._engine.done(self._running)

    def _end(self) -> Json:
        closed = self._ended
        self.close()
        if closed:
            raise StopIteration
        return self._made.usage(self._total())

    def _total(self) -> Json:
        """Return the usage of all: a prompt counts once, whatever number of texts follow it."""
        each = self._request.body.get("n") or 1
        firsts = [usage for index, usage in self._usage.items() if index % each == 0]
        return shapes.usage(
            sum(usage["prompt_tokens"] for usage in firsts),
            sum(usage["completion_tokens"] for usage in self._usage.values()),
            cached=sum(_cached(usage) for usage in firsts),
        )

    def _chunks(self, index: int, raw: Json) -> Iterator[Json]:
        if error := raw.get("error"):
            raise refused(error)
        if usage := raw.get("usage"):
            self._usage[index] = usage
        if "prompt_progress" in raw or not raw.get("choices"):
            return
        choice = raw["choices"][0]
        if self._request.task is Task.COMPLETION:
            yield self._text(index, choice)
            return
        delta = {key: value for key, value in choice["delta"].items() if value is not None}
        answer = self._answer(index)
        if answer is not None and "content" in delta:
            delta["content"] = answer.text(delta["content"])
            if not delta["content"]:
                del delta["content"]
        if delta.keys() - {"role"}:
            yield self._made.delta(delta, index, self._logprobs(choice))
        if reason := choice["finish_reason"]:
            text, call = ("", None) if answer is None else answer.end()
            if call is not None:
                reason = "tool_calls"
                yield self._made.delta({"tool_calls": [{"index": 0, **call}]}, index)
            elif text:
                yield self._made.text(text, index)
            yield from self._made.finish(reason, index)

    def _answer(self, index: int) -> tools.Answer | None:
        """Return what reads the calls of an answer, if they come as JSON."""
        if not self._calls:
            return None
        if index not in self._answers:
            self._answers[index] = tools.Answer(self._request)
        return self._answers[index]

    def _text(self, index: int, choice: Mapping[str, Any]) -> Json:
        logprobs = choice.get("logprobs")
        if logprobs:
            logprobs = _legacy(logprobs["content"], self._request.body["logprobs"])
        chunk = self._made.text(choice["text"], index, logprobs)
        chunk["choices"][0]["finish_reason"] = choice["finish_reason"]
        return chunk

    def _logprobs(self, choice: Mapping[str, Any]) -> Json | None:
        found = choice.get("logprobs")
        if not found:
            return None
        # llama.cpp gives none without alternatives.
        most = self._request.body.get("top_logprobs") or 0
        return {
            "content": [_without_id(token, most) for token in found["content"]],
            "refusal": None,
        }


def _without_id(token: Mapping[str, Any], most: int) -> Json:
    kept = {key: token[key] for key in ("token", "logprob", "bytes")}
    kept["top_logprobs"] = [
        {key: other[key] for key in kept} for other in token["top_logprobs"][:most]
    ]
    return kept


def _legacy(tokens: list[Json], most: int) -> Json:
    """Return log probabilities in the form of ``/v1/completions``."""
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [
            {other["token"]: other["logprob"] for other in token["top_logprobs"][:most]}
            for token in tokens
        ],
    }


def _cached(usage: Mapping[str, Any]) -> int:
    return int((usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))


def merged(chunks: Chunks) -> Json:
    """Return the whole answer."""
    merger = shapes.Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.answer()
