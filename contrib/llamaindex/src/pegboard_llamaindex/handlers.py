"""The handlers of LlamaIndex's root dispatcher, and switching them on and off."""

from __future__ import annotations

import inspect
from typing import Any

from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.agent import AgentToolCallEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingStartEvent
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
    LLMPredictStartEvent,
)
from llama_index.core.instrumentation.events.rerank import ReRankStartEvent
from llama_index.core.instrumentation.span.base import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from pegboard_models.autologging import Integration, Switches
from pegboard_tracing import calls

from pegboard_llamaindex import reading, spans

INTEGRATION = Integration("llama_index", "llama-index-core", ("0.14", "0.14"), subject="The run")


class SpanHandler(BaseSpanHandler[BaseSpan]):  # type: ignore[misc]
    """Is told what begins and ends."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the handler."""
        return "PegboardSpanHandler"

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        parent_id: str | None = None,
        **_: Any,
    ) -> None:
        """Begin a span."""
        if INTEGRATION.is_on():
            with INTEGRATION.guard("a beginning"):
                spans.enter(id_, bound_args.arguments, instance, parent_id)

    def span_exit(self, id_: str, *_: Any, result: Any = None, **__: Any) -> None:
        """End a span."""
        with INTEGRATION.guard("an end"):
            spans.leave(id_, result)

    def span_drop(self, id_: str, *_: Any, err: BaseException | None = None, **__: Any) -> None:
        """End a span with what went wrong."""
        with INTEGRATION.guard("a failure"):
            spans.drop(id_, err)

    def new_span(self, *_: Any, **__: Any) -> None:
        """Do nothing: spans are kept elsewhere."""

    prepare_to_exit_span = prepare_to_drop_span = new_span


class EventHandler(BaseEventHandler):  # type: ignore[misc]
    """Is told what spans are not: models, prompts, tokens, and the end of streams."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the handler."""
        return "PegboardEventHandler"

    def handle(self, event: Any, **_: Any) -> None:
        """Add what is told to the span that it is about."""
        span = spans.find(event.span_id)
        if span is not None:
            with INTEGRATION.guard("an event"):
                _add(span, event)


def _add(span: calls.CallSpan, event: Any) -> None:
    if isinstance(event, AgentToolCallEvent):
        tool = event.tool
        span.set_attributes({"name": tool.name, "description": tool.description})
        span.set_attribute("parameters", tool.get_parameters_dict())
    elif isinstance(event, LLMPredictStartEvent):
        template = event.template
        # The first name is misspelt in MLflow.
        span.set_attribute("prmopt_template", template.get_template())
        span.set_attribute("template_arguments", {**template.kwargs, **(event.template_args or {})})
    elif isinstance(event, (LLMChatStartEvent, LLMCompletionStartEvent, EmbeddingStartEvent)):
        _asked(span, event)
    elif isinstance(event, (LLMChatEndEvent, LLMCompletionEndEvent)):
        _answered(span, event)
    elif isinstance(event, ReRankStartEvent):
        span.set_span_type("RERANKER")
        span.set_attributes({"model_name": event.model_name, "top_n": event.top_n})
    elif isinstance(event, ExceptionEvent):
        spans.finish(event.span_id, None, event.exception)


def _asked(span: calls.CallSpan, event: Any) -> None:
    if isinstance(event, LLMChatStartEvent):
        span.set_span_type("CHAT_MODEL")
    if isinstance(event, LLMCompletionStartEvent):
        span.set_attribute("prompt", event.prompt)
    span.set_attribute("model_dict", event.model_dict)
    model = (event.model_dict or {}).get("model")
    provider = model.partition("/")[0] if isinstance(model, str) and "/" in model else None
    calls.tell_model(span, model, provider=provider)


def _answered(span: calls.CallSpan, event: Any) -> None:
    with INTEGRATION.guard("counting tokens"):
        used = reading.usage(event.response)
        span.set_attribute("usage", used)
        counted = reading.tokens(used)
        if counted:
            calls.tell_usage(span, counted)
    spans.finish(event.span_id, event.response)


_HANDLERS = (SpanHandler(), EventHandler())


def enable(switches: Switches) -> None:
    """Work as the switches say from now on."""
    INTEGRATION.enable(switches, _install)
    if INTEGRATION.switches.disable:
        _uninstall()
        spans.clear()


def _install() -> None:
    _uninstall()
    root, (first, second) = get_dispatcher(), _HANDLERS
    root.add_span_handler(first)
    root.add_event_handler(second)


def _uninstall() -> None:
    root = get_dispatcher()
    root.span_handlers = [each for each in root.span_handlers if each is not _HANDLERS[0]]
    root.event_handlers = [each for each in root.event_handlers if each is not _HANDLERS[1]]
