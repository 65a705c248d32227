"""The callback that makes spans of what litellm calls.

litellm tells of a call when it is over, in threads and tasks of its own. So the span that a call is
within is remembered where it begins, and a synchronous call waits until it was told of: its span is
there when it returns.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Generator, Mapping
from typing import Any
from weakref import WeakValueDictionary

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils import litellm_logging, thread_pool_executor
from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

INTEGRATION = Integration("litellm", "litellm", ("1.70", "1.110"), subject="The call")

_PATIENCE_SECONDS = 5.0
_LISTS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "service_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
"""Where litellm keeps callbacks; it copies those of the first into the others."""
_ASKED = ("functions", "tools", "stream", "tool_choice", "user")

under_way: WeakValueDictionary[str, _Place] = WeakValueDictionary()
"""Where calls were made, by litellm's ids of them."""


class _Place:
    """Where a call was made. It lives as long as what litellm has of the call."""

    def __init__(self) -> None:
        self.parent = calls.inner_of(None)


def install() -> None:
    """Add the callback, and observe where calls begin and where litellm leaves them to a thread."""
    INTEGRATION.observe_method(litellm_logging.Logging, "__init__", a_beginning)
    INTEGRATION.observe_method(type(thread_pool_executor.executor), "submit", a_submission)
    if TRACER not in litellm.callbacks:
        litellm.callbacks.append(TRACER)


def uninstall() -> None:
    """Take the callback away."""
    for name in _LISTS:
        known = getattr(litellm, name, None)
        if isinstance(known, list) and TRACER in known:
            known.remove(TRACER)


def a_beginning(call: Call) -> Generator[None, Any, None]:
    """Remember in which span a call begins."""
    yield
    about = call.args[0]
    about._pegboard_place = under_way[about.litellm_call_id] = _Place()


def a_submission(call: Call) -> Generator[None, Any, None]:
    """Wait until a call was told of, unless this is itself a thread of litellm's."""
    told = any(getattr(each, "__name__", "") == "success_handler" for each in call.args[1:3])
    future = yield
    if told and not threading.current_thread().name.startswith("litellm-logging"):
        concurrent.futures.wait([future], _PATIENCE_SECONDS)


class Tracer(CustomLogger):  # type: ignore[misc]
    """Makes a span of each call that litellm tells of."""

    def log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Make the span of a call that went well."""
        with INTEGRATION.guard("a call"):
            _keep(kwargs, response_obj, start_time, end_time)

    def log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Make the span of a call that failed."""
        with INTEGRATION.guard("a call that failed"):
            _keep(kwargs, response_obj, start_time, end_time, failed=True)

    async def async_log_success_event(self, *args: Any, **given: Any) -> None:
        """Make the span of an asynchronous call."""
        self.log_success_event(*args, **given)

    async def async_log_failure_event(self, *args: Any, **given: Any) -> None:
        """Make the span of an asynchronous call that failed."""
        self.log_failure_event(*args, **given)


TRACER = Tracer()


def _keep(
    told: Mapping[str, Any], answer: Any, start: Any, end: Any, *, failed: bool = False
) -> None:
    place = under_way.pop(told.get("litellm_call_id") or "", None)
    if place is None or not INTEGRATION.is_on():
        return
    if told.get("stream"):
        whole = told.get("complete_streaming_response")
        answer = whole or told.get("async_complete_streaming_response") or answer
    attributes = _attributes(told)
    span = calls.begin(
        f"litellm-{told.get('call_type', 'completion')}",
        "LLM",
        _asked(told),
        attributes,
        parent=place.parent,
        start_time_ns=_ns(start),
    )
    if place.parent is None:
        calls.set_tags(span, _tags(attributes.get("request_tags")))
    if failed:
        error = told.get("exception")
        if isinstance(error, BaseException):
            calls.note_error(span, error)
        span.end(status="ERROR", end_time_ns=_ns(end))
        return
    with INTEGRATION.guard("the tokens"):
        calls.tell_model(span, getattr(answer, "model", None), _usage(told))
    span.end(outputs=answer, end_time_ns=_ns(end))


def _ns(moment: Any) -> int:
    return int(moment.timestamp() * 1e9)


def _asked(told: Mapping[str, Any]) -> dict[str, Any]:
    options = told.get("optional_params") or {}
    given = {key: options.get(key) or (key == "tools" and told.get(key)) for key in _ASKED}
    given["prediction"] = told.get("prediction")
    return {"messages": told.get("messages")} | {k: v for k, v in given.items() if v}


def _attributes(told: Mapping[str, Any]) -> dict[str, Any]:
    known = told.get("standard_logging_object")
    common = {name: told.get(name) for name in ("litellm_call_id", "call_type", "model")}
    if not known:
        names = ("cache_hit", "custom_llm_provider", "response_cost")
        place = (told.get("litellm_params") or {}).get("api_base")
        return common | {name: told.get(name) for name in names} | {"api_base": place}
    priced = ("api_base", "cache_hit", "response_cost", "saved_cache_cost", "request_tags")
    return common | {
        **{name: known.get(name) for name in priced},
        "mlflow.chat.tokenUsage": _usage(told),
        "raw_llm_response": known.get("response"),
    }


def _usage(told: Mapping[str, Any]) -> dict[str, Any] | None:
    known = told.get("standard_logging_object")
    if not known:
        return None
    return {
        "input_tokens": known.get("prompt_tokens"),
        "output_tokens": known.get("completion_tokens"),
        "total_tokens": known.get("total_tokens"),
    }


def _tags(given: Any) -> dict[str, str]:
    """Return tags, of which litellm has a list of ``name:value`` or names alone."""
    pairs = (str(each).partition(":") for each in given or ())
    return {name.strip(): value.strip() for name, _, value in pairs}
