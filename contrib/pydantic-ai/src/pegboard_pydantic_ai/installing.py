"""The methods of Pydantic AI that are traced.

Requests and tools pass through its own ``Instrumentation``, which an agent has if its
``instrument`` says so; every agent is made to.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pegboard_models.autologging import Call, Observer
from pegboard_tracing import calls

from pegboard_pydantic_ai import reading, streams
from pegboard_pydantic_ai.spans import INTEGRATION, Traced

__all__ = ["INTEGRATION", "install"]


def install() -> None:
    """Observe agents, models, tools, and MCP servers if what these need is installed."""
    from pydantic_ai import Agent
    from pydantic_ai.capabilities.instrumentation import Instrumentation

    INTEGRATION.observe_method(Agent, "__init__", an_agent)
    INTEGRATION.observe_method(Agent, "run", a_run("Agent.run"))
    INTEGRATION.observe_method(Agent, "run_sync", a_run("Agent.run_sync"))
    streams.install()
    INTEGRATION.observe_method(Instrumentation, "wrap_model_request", a_request)
    INTEGRATION.observe_method(Instrumentation, "wrap_tool_execute", a_tool)
    INTEGRATION.observe_method(Instrumentation, "on_tool_validate_error", a_refusal)
    try:
        from pydantic_ai.mcp import MCPToolset
    except ImportError:
        return
    INTEGRATION.observe_method(MCPToolset, "list_tools", a_list)
    INTEGRATION.observe_method(MCPToolset, "direct_call_tool", a_remote_call)


def an_agent(call: Call) -> Generator[None, Any, None]:
    """Have a new agent instrumented, unless it was told not to be."""
    yield
    reading.instrument(call.args[0])


def a_run(name: str) -> Observer:
    """Return what makes a span of a run."""

    def run(call: Call) -> Generator[None, Any, None]:
        traced = Traced.of_agent(name, call.function, call.args, call.kwargs)
        yield from _within(traced, reading.tell_result)

    return run


def a_request(call: Call) -> Generator[None, Any, None]:
    """Make a span of a request to a model."""
    asked = call.kwargs.get("request_context")
    model = getattr(asked, "model", None)
    name = "Model" if model is None else type(model).__name__
    traced = Traced(f"{name}.request", "LLM", reading.asked(asked))
    with INTEGRATION.guard("reading a model"):
        traced.span.set_attributes(reading.attributes(model))
        calls.tell_model(traced.span, *reading.named(model))
    yield from _within(traced, reading.tell_result)


def a_tool(call: Call) -> Generator[None, Any, None]:
    """Make a span of a call of a tool."""
    name = call.kwargs["call"].tool_name
    yield from _within(Traced(name, "TOOL", call.kwargs["args"]), reading.tell_output)


def a_refusal(call: Call) -> Generator[None, Any, None]:
    """Make a span of arguments that a tool does not take: the method raises what is wrong."""
    name = f"{call.kwargs['call'].tool_name}.validation"
    given = reading.arguments(call.kwargs["args"])
    yield from _within(Traced(name, "PARSER", given), reading.tell_output)


def a_list(call: Call) -> Generator[None, Any, None]:
    """Make a span of asking a server which tools it has."""
    del call
    yield from _within(Traced("MCPToolset.list_tools", "TOOL", {}), reading.tell_output)


def a_remote_call(call: Call) -> Generator[None, Any, None]:
    """Make a span of a call of a server's tool."""
    given = calls.arguments(call.function, call.args, call.kwargs)
    given = {name: given[name] for name in ("name", "args") if name in given}
    yield from _within(Traced("MCPToolset.direct_call_tool", "TOOL", given), reading.tell_output)


def _within(traced: Traced, tell: Any) -> Generator[None, Any, None]:
    """End a span with what is returned or raised."""
    try:
        result = yield
    except BaseException as error:
        traced.end(error)
        raise
    with INTEGRATION.guard("reading a result"):
        tell(traced.span, result)
    traced.end()
