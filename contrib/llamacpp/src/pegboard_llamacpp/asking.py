"""What llama.cpp is asked: OpenAI's body as its own bodies, one for each text to generate.

Of a client's body only the fields that are listed here reach llama.cpp, which has others that read
files or choose slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task, Trouble

from pegboard_llamacpp import schemas, tools

_SAMPLING = ("temperature", "top_p", "stop", "presence_penalty", "frequency_penalty")
_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_COMMON = frozenset({*_SAMPLING, "max_tokens", "seed", "n", "logprobs"})

CHAT = (
    _COMMON
    | {"messages", "max_completion_tokens", "top_logprobs", "response_format"}
    | frozenset(_TOOLS)
)
COMPLETION = _COMMON | {"prompt"}
EMBEDDING = frozenset({"input", "encoding_format"})

_SYSTEM = ("system", "developer")
_SEEDS = 2**32 - 1
"""llama.cpp takes this one itself for "any"."""
MOST_GENERATIONS = 512
"""Of one request: prompts times ``n``."""
MOST_BYTES = 32 << 20
"""Of all generations of one request; each has its own copy of what it begins with."""
_DEEPEST = 64
"""Deeper nesting than any schema or message needs would overflow llama.cpp's stack."""


def bodies(
    request: LLMRequest, *, system: str, max_tokens: int, knows_tools: bool = False
) -> list[Json]:
    """Return a body for each generation: ``n`` for the messages, or for each prompt in turn.

    ``knows_tools``: whether the model's chat template has a place for tools.
    """
    asked = request.body
    _check_depth(asked)
    made = {key: asked[key] for key in _SAMPLING if key in asked}
    made |= {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    made["max_tokens"] = asked.get("max_completion_tokens") or asked.get("max_tokens") or max_tokens
    if request.task is Task.CHAT:
        made |= _chat(request, system, knows_tools)
        starts: Sequence[Json] = [{}]
    else:
        if "logprobs" in asked:
            made["logprobs"] = max(asked["logprobs"], 1)
        starts = [{"prompt": prompt} for prompt in prompts(asked["prompt"])]
    count = asked.get("n") or 1
    if len(starts) * count > MOST_GENERATIONS:
        raise LLMError(
            Trouble.INVALID,
            f"One request may ask for {MOST_GENERATIONS} answers, not {len(starts) * count:,}.",
            hint="Ask several times.",
            param="n",
        )
    return [{**made, **start, **_seed(asked, i)} for start in starts for i in range(count)]


def prompts(prompt: Any) -> list[Any]:
    """Return the prompts of a body: a text or a list of tokens is one, a list of these several."""
    if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)):
        return [prompt]
    return list(prompt)


def _chat(request: LLMRequest, system: str, knows_tools: bool) -> Json:
    asked = request.body
    messages = list(_messages(request, system))
    made: Json = {"messages": messages}
    if asked.get("logprobs"):
        made |= {"logprobs": True, "top_logprobs": asked.get("top_logprobs") or 1}
    if tools.are_json(request, knows_tools):
        made["messages"] = tools.told(request, messages)
        if asked.get("tools") and (forced := tools.grammar(request)):
            return made | forced
    elif asked.get("tools"):
        made |= {key: asked[key] for key in _TOOLS if key in asked}
    return made | _format(asked.get("response_format") or {})


def _messages(request: LLMRequest, system: str) -> Iterator[Json]:
    messages = request.body["messages"]
    if system and not any(message.get("role") in _SYSTEM for message in messages):
        yield {"role": "system", "content": system}
    for message in messages:
        _refuse_pictures(message, request.model)
        yield {**message, "role": "system"} if message.get("role") in _SYSTEM else message


def _refuse_pictures(message: Mapping[str, Any], model: str) -> None:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if part.get("type") != "text":
            raise LLMError(
                Trouble.UNSUPPORTED,
                f"The model {model!r} reads text only, and a message has a part of the type "
                f"{str(part.get('type'))[:40]!r}.",
                hint="Leave it out, or ask another model.",
                param="messages",
            )


def _seed(asked: Mapping[str, Any], number: int) -> Json:
    """Return the seed of a generation, if any: the same seed, the same text.

    With one, no part of an earlier prompt is used again, because that rounds in another way.
    """
    if "seed" not in asked:
        return {}
    return {"seed": (asked["seed"] + number) % _SEEDS, "cache_prompt": False}


def _format(wanted: Mapping[str, Any]) -> Json:
    """Return what makes llama.cpp keep to a ``response_format``."""
    if wanted.get("type", "text") == "text":
        return {}
    schema = (wanted.get("json_schema") or {}).get("schema", {})
    schemas.check(schema)
    if wanted["type"] == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


def _check_depth(body: Mapping[str, Any]) -> None:
    for key, value in body.items():
        layer, depth = [value], 0
        while layer:
            if (depth := depth + 1) > _DEEPEST:
                raise LLMError(
                    Trouble.INVALID, f"{key!r} is nested deeper than {_DEEPEST} levels.", param=key
                )
            layer = [
                inner
                for each in layer
                if isinstance(each, dict | list)
                for inner in (each.values() if isinstance(each, dict) else each)
            ]
