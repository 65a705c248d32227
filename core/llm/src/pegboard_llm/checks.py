"""Checks of what clients ask: the types and ranges of OpenAI's fields, and what a provider takes.

A field that OpenAI does not have passes the first check, as compatible servers have some of their
own; ``refuse_others`` then stops what the chosen provider does not take. So nothing that a client
says is left out silently, and nothing of it decides where a request goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task, Trouble

from pegboard_llm import chat_values, values
from pegboard_llm.values import invalid, unsupported

__all__ = ["MAX_N", "NO_OPS", "checked", "invalid", "refuse_others", "unsupported"]

_OURS = frozenset({"model", "stream", "stream_options"})
"""Fields that are not of the body that a provider sees."""
NO_OPS: Mapping[str, Any] = {
    "best_of": 1,
    "echo": False,
    "encoding_format": "float",
    "frequency_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "metadata": {},
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "service_tier": "auto",
    "stop": [],
    "store": False,
    "suffix": "",
    "tool_choice": "none",
    "tools": [],
    "top_p": 1,
}
"""Values of fields that say what holds without them."""
MAX_N = 128
MAX_TOKENS = 2**31 - 1
"""More than any model says; with ``MAX_N`` what it costs still is a number that can be counted."""
STEERING = frozenset(
    {
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "aws_access_key_id",
        "aws_region_name",
        "aws_secret_access_key",
        "aws_session_token",
        "azure_ad_token",
        "base_url",
        "custom_llm_provider",
        "default_headers",
        "endpoint_url",
        "extra_headers",
        "fallbacks",
        "headers",
        "mock_response",
        "organization",
        "proxies",
        "proxy",
        "vertex_credentials",
    }
)
"""What other gateways take from a body to choose where a call goes, and with whose key."""


def checked(task: Task, body: Any, model: str = "", *, is_whole: bool = True) -> LLMRequest:
    """Return a client's body as a request; LLMError INVALID names the field that is wrong.

    ``model`` is the vendor's name of the model; without one it is the body's. A body that is not
    whole may lack what is asked, which somebody else adds. Fields whose value is
    null are as if they were not there, which is what OpenAI's clients mean by it.
    """
    if type(body) is not dict:
        invalid("The body must be a JSON object.", "")
    checks = _CHECKS[task]
    kept: Json = {}
    for key, value in body.items():
        if value is None and key != "prompt":
            continue
        check = checks.get(key)
        if check is not None:
            check(value, key)
        if key not in _OURS:
            kept[key] = value
    for key in _REQUIRED[task] if is_whole else ():
        if key not in kept:
            invalid(values.missing(key, body, checks), key)
    if task is Task.CHAT:
        _check_together(kept)
    stream = body.get("stream") or False
    if stream and task is Task.EMBEDDING:
        invalid("Embeddings are not streamed.", "stream")
    if body.get("stream_options") is not None and not stream:
        invalid("'stream_options' is for requests with 'stream': true.", "stream_options")
    return LLMRequest(task, model or body.get("model") or "", kept, stream)


def refuse_others(request: LLMRequest, takes: Mapping[Task, frozenset[str]], provider: str) -> None:
    """Raise LLMError UNSUPPORTED for a task or a field that a provider does not take.

    A field that says what holds without it, such as ``"n": 1``, is no reason.
    """
    fields = takes.get(request.task)
    if fields is None:
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"{provider} offers no {request.task.value} with the model {request.model!r}.",
            hint=f"It offers: {', '.join(sorted(takes)) or 'nothing'}.",
        )
    if not request.body.keys() <= fields:
        body = request.body
        others = [key for key in body if key not in fields and body[key] != NO_OPS.get(key)]
        if not others:
            return
        field = min(others)
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"{provider} does not take the field {field!r} for the model {request.model!r}.",
            hint=f"{values.meant(field, fields)}Leave it out, or ask another model.",
            param=field,
        )


def _stop(value: Any, param: str) -> None:
    if type(value) is str:
        return
    values.items(value, param, 1, 16)
    for i, each in enumerate(value):
        values.text(each, f"{param}[{i}]")


def _logit_bias(value: Any, param: str) -> None:
    values.table(value, param)
    for key, bias in value.items():
        _BIAS(bias, f"{param}.{key}")


_BIAS = values.number(-100, 100)


def _metadata(value: Any, param: str) -> None:
    values.table(value, param)
    for key, each in value.items():
        values.text(each, f"{param}.{key}")


def _texts_or_tokens(value: Any, param: str) -> None:
    """Check a text, tokens, or a list of either."""
    if type(value) is str:
        return None
    if type(value) is list and value and type(value[0]) is int:
        return _tokens(value, param)
    values.items(value, param)
    for i, each in enumerate(value):
        if type(each) is list:
            _tokens(each, f"{param}[{i}]")
        elif type(each) is not str:
            values.wrong("text, or a list of tokens", each, f"{param}[{i}]")
    return None


def _tokens(value: Any, param: str) -> None:
    if not value or not all(type(token) is int and token >= 0 for token in value):
        invalid(f"{param!r} must be a list of tokens, which are whole numbers.", param)


def _stream_options(value: Any, param: str) -> None:
    values.table(value, param)
    for key in value:
        if key not in ("include_usage", "include_obfuscation"):
            invalid(f"{param!r} has no {key!r}.", f"{param}.{key}")
        values.field(value, key, values.boolean, param, needed=False)


def _check_together(body: Json) -> None:
    """Check what fields of a chat request say of each other."""
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if choice is not None and choice != "none" and not tools:
        invalid("'tool_choice' is for requests with 'tools'.", "tool_choice")
    if tools and type(choice) is dict and choice["type"] != "allowed_tools":
        name = choice[choice["type"]]["name"]
        if all(tool[tool["type"]]["name"] != name for tool in tools):
            invalid(f"'tools' has none of the name {name!r}.", "tool_choice")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        invalid("'top_logprobs' is for requests with 'logprobs': true.", "top_logprobs")
    if "max_tokens" in body and "max_completion_tokens" in body:
        invalid("Give 'max_tokens' or 'max_completion_tokens', not both.", "max_tokens")


_SAMPLING: Mapping[str, values.Check] = {
    "model": values.text,
    "stream": values.boolean,
    "stream_options": _stream_options,
    "frequency_penalty": values.number(-2, 2),
    "presence_penalty": values.number(-2, 2),
    "logit_bias": _logit_bias,
    "max_tokens": values.whole(1, MAX_TOKENS),
    "n": values.whole(1, MAX_N),
    "seed": values.whole(-(2**63), 2**64 - 1),
    "stop": _stop,
    "temperature": values.number(0, 2),
    "top_p": values.number(0, 1),
    "user": values.text,
}

_CHECKS: Mapping[Task, Mapping[str, values.Check]] = {
    Task.CHAT: {
        **_SAMPLING,
        "messages": chat_values.messages,
        "audio": values.table,
        "function_call": chat_values.function_call,
        "functions": chat_values.functions,
        "logprobs": values.boolean,
        "max_completion_tokens": values.whole(1, MAX_TOKENS),
        "metadata": _metadata,
        "modalities": chat_values.modalities,
        "parallel_tool_calls": values.boolean,
        "prediction": values.table,
        "prompt_cache_key": values.text,
        "prompt_cache_retention": values.text,
        "reasoning_effort": values.one_of(
            "none", "minimal", "low", "medium", "high", "xhigh", "max"
        ),
        "response_format": chat_values.response_format,
        "safety_identifier": values.text,
        "service_tier": values.text,
        "store": values.boolean,
        "tool_choice": chat_values.tool_choice,
        "tools": chat_values.tools,
        "top_logprobs": values.whole(0, 20),
        "verbosity": values.one_of("low", "medium", "high"),
        "web_search_options": values.table,
        # Not OpenAI's, but of most that are compatible.
        "top_k": values.whole(-1),
    },
    Task.COMPLETION: {
        **_SAMPLING,
        "prompt": _texts_or_tokens,
        "best_of": values.whole(1, 20),
        "echo": values.boolean,
        "logprobs": values.whole(0, 5),
        "max_tokens": values.whole(0, MAX_TOKENS),
        "suffix": values.text,
        "top_k": values.whole(-1),
    },
    Task.EMBEDDING: {
        "model": values.text,
        "stream": values.boolean,
        "input": _texts_or_tokens,
        "dimensions": values.whole(1),
        "encoding_format": values.one_of("float", "base64"),
        "user": values.text,
    },
}

_REQUIRED: Mapping[Task, tuple[str, ...]] = {
    Task.CHAT: ("messages",),
    Task.COMPLETION: ("prompt",),
    Task.EMBEDDING: ("input",),
}
