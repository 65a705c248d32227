"""The callback that makes spans of what LangChain runs.

LangChain says what begins and ends, each run by an id and that of the run around it. It may say so
in other threads and tasks than those that run, so the span that a run is within is looked for both
there and in what is active here.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, cast
from uuid import UUID

from langchain_core.callbacks.base import BaseCallbackHandler
from langchain_core.load.dump import dumps
from langchain_core.messages import BaseMessage
from pegboard_models.autologging import Integration
from pegboard_tracing import calls

from pegboard_langchain import messages as reading

INTEGRATION = Integration("langchain", "langchain-core", ("1.0", "1.7"), subject="The run")

unattached: ContextVar[bool] = ContextVar("pegboard_langchain_unattached", default=False)
"""Whether spans are not made the active ones."""

F = TypeVar("F", bound=Callable[..., Any])


def _guarded(function: F) -> F:
    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> None:
        with INTEGRATION.guard(function.__name__):
            function(*args, **kwargs)

    return cast(F, method)


class Tracer(BaseCallbackHandler):
    """Makes spans of runs. One may see many traces at a time."""

    def __init__(self, *, inline: bool = False) -> None:
        """``inline``: it is called in the task that runs, not in a thread beside it."""
        super().__init__()
        self.run_inline = inline
        self._runs: dict[UUID, tuple[calls.CallSpan, Any]] = {}

    def __deepcopy__(self, memo: object) -> Tracer:
        return self

    # -- spans ---------------------------------------------------------------------------------

    def _begin(
        self, serialized: Any, run: dict[str, Any], span_type: str, default: str, inputs: Any
    ) -> calls.CallSpan:
        """Begin the span of a run; what is told besides becomes its attributes."""
        run_id, around = run.pop("run_id"), self._runs.get(run.pop("parent_run_id", None))
        told = serialized or {}
        name = run.pop("name", None) or told.get("name") or told.get("id", [default])[-1]
        run.pop("tags", None)
        if not run.get("metadata"):
            run.pop("metadata", None)
        parent = calls.inner_of(None if around is None else around[0])
        span = calls.begin(name, span_type, inputs, _readable(run), parent=parent)
        self._runs[run_id] = (span, None if unattached.get() else calls.activate(span))
        return span

    def _span(self, run_id: UUID) -> calls.CallSpan:
        return self._runs[run_id][0]

    def _end(self, run_id: UUID, outputs: Any = None, error: BaseException | None = None) -> None:
        span, token = self._runs.pop(run_id)
        try:
            if error is not None:
                calls.fail(span, error, said=True)
            else:
                span.end(outputs=outputs)
        finally:
            if token is not None:
                calls.deactivate(token)

    # -- models --------------------------------------------------------------------------------

    @_guarded
    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **run: Any
    ) -> None:
        """Begin the span of a chat model."""
        self._begin_model(serialized, run, "CHAT_MODEL", "chat model", reading.asked(messages))

    @_guarded
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **run: Any) -> None:
        """Begin the span of a model that completes texts."""
        self._begin_model(serialized, run, "LLM", "llm", prompts)

    def _begin_model(
        self, serialized: Any, run: dict[str, Any], span_type: str, default: str, inputs: Any
    ) -> None:
        run[calls.FORMAT] = "langchain"
        invoked, told = run.get("invocation_params") or {}, run.get("metadata") or {}
        span = self._begin(serialized, run, span_type, default, inputs)
        offered = reading.tools(invoked)
        if offered:
            span.set_attribute(calls.TOOLS, offered)
        model = told.get("ls_model_name") or invoked.get("model") or invoked.get("model_name")
        provider = told.get("ls_provider")
        if not provider and invoked.get("_type"):
            provider = str(invoked["_type"]).removesuffix("-chat").removeprefix("chat-")
        calls.tell_model(span, model, provider=provider)

    @_guarded
    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **_: Any) -> None:
        """Note a piece of an answer."""
        told = {"token": token, **({"chunk": dumps(chunk)} if chunk else {})}
        calls.note(self._span(run_id), "new_token", told)

    @_guarded
    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        """End the span of a model."""
        span = self._span(run_id)
        with INTEGRATION.guard("counting tokens"):
            used = reading.usage(response)
            if used:
                calls.tell_usage(span, used)
        outputs: Any = response
        with INTEGRATION.guard("reading an answer"):
            outputs = reading.answered(response)
        self._end(run_id, outputs)

    @_guarded
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """End the span of a model that failed."""
        self._end(run_id, error=error)

    @_guarded
    def on_retry(self, retry_state: Any, *, run_id: UUID, **_: Any) -> None:
        """Note that a call is tried again."""
        told = {"slept": retry_state.idle_for, "attempt": retry_state.attempt_number}
        calls.note(self._span(run_id), "retry", {**told, **_outcome(retry_state.outcome)})

    # -- chains and agents ---------------------------------------------------------------------

    @_guarded
    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **run: Any) -> None:
        """Begin the span of a chain, a graph or a node of one."""
        thread = (run.get("metadata") or {}).get("thread_id")
        run.pop("run_type", None)
        span = self._begin(serialized, run, "CHAIN", "chain", inputs)
        if thread:
            calls.set_session(span, thread)

    @_guarded
    def on_chain_end(self, outputs: Any, *, run_id: UUID, inputs: Any = None, **_: Any) -> None:
        """End the span of a chain."""
        if inputs:
            self._span(run_id).set_inputs(inputs)
        self._end(run_id, outputs)

    @_guarded
    def on_chain_error(
        self, error: BaseException, *, run_id: UUID, inputs: Any = None, **_: Any
    ) -> None:
        """End the span of a chain that failed."""
        if inputs:
            self._span(run_id).set_inputs(inputs)
        self._end(run_id, error=error)

    @_guarded
    def on_agent_action(self, action: Any, *, run_id: UUID, **_: Any) -> None:
        """Note what an agent does next."""
        told = {"tool": action.tool, "tool_input": dumps(action.tool_input), "log": action.log}
        calls.note(self._span(run_id), "agent_action", told)

    @_guarded
    def on_agent_finish(self, finish: Any, *, run_id: UUID, **_: Any) -> None:
        """Note what an agent came to."""
        told = {"return_values": dumps(finish.return_values), "log": finish.log}
        calls.note(self._span(run_id), "agent_finish", told)

    @_guarded
    def on_text(self, text: str, *, run_id: UUID, **_: Any) -> None:
        """Note a text."""
        if run_id in self._runs:
            calls.note(self._span(run_id), "text", {"text": text})

    # -- tools and retrievers ------------------------------------------------------------------

    @_guarded
    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **run: Any) -> None:
        """Begin the span of a tool. Its inputs come as a text, and only there for sure."""
        run.pop("inputs", None)
        self._begin(serialized, run, "TOOL", "tool", _literal(input_str))

    @_guarded
    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """End the span of a tool."""
        self._end(run_id, output)

    @_guarded
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """End the span of a tool that failed."""
        self._end(run_id, error=error)

    @_guarded
    def on_retriever_start(self, serialized: dict[str, Any], query: str, **run: Any) -> None:
        """Begin the span of a retriever."""
        self._begin(serialized, run, "RETRIEVER", "retriever", query)

    @_guarded
    def on_retriever_end(self, documents: Sequence[Any], *, run_id: UUID, **_: Any) -> None:
        """End the span of a retriever with the documents it found."""
        found = [
            {"page_content": each.page_content, "metadata": each.metadata, "id": each.id}
            for each in documents
        ]
        self._end(run_id, found)

    @_guarded
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """End the span of a retriever that failed."""
        self._end(run_id, error=error)


def _readable(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with the schema of an answer in the place of its class."""
    invoked = attributes.get("invocation_params")
    if not isinstance(invoked, dict):
        return attributes
    wanted = invoked.get("response_format")
    schema = getattr(wanted, "model_json_schema", None)
    if not isinstance(wanted, type) or schema is None:
        return attributes
    return {**attributes, "invocation_params": {**invoked, "response_format": schema()}}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _outcome(outcome: Any) -> dict[str, Any]:
    if outcome is None:
        return {"outcome": "N/A"}
    if not outcome.failed:
        return {"outcome": "success", "result": str(outcome.result())}
    error = outcome.exception()
    return {"outcome": "failed", "exception": str(error), "exception_type": type(error).__name__}
