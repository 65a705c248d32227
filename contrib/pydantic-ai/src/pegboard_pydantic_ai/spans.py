"""The span of one call, within which the call's own spans are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pegboard_models.autologging import Integration
from pegboard_tracing import calls

from pegboard_pydantic_ai import reading

INTEGRATION = Integration("pydantic_ai", "pydantic-ai-slim", ("2.5", "2.68"), subject="The run")


class Traced:
    """A span that is the active one from now on until it ends."""

    def __init__(self, name: str, span_type: str, inputs: Any) -> None:
        self.span = calls.begin(name, span_type, inputs)
        self._token = calls.activate(self.span)

    @classmethod
    def of_agent(
        cls, name: str, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> Traced:
        """Begin the span of a run with what was given and what the agent is like."""
        traced = cls(name, "AGENT", None)
        with INTEGRATION.guard("reading an agent"):
            reading.instrument(args[0])
            if kwargs.get("infer_name", True):
                reading.name(args[0])
            traced.span.set_inputs(reading.given(function, args, kwargs))
            traced.span.set_attributes(reading.attributes(args[0]))
        return traced

    def leave(self) -> None:
        """Be the active one no more."""
        calls.deactivate(self._token)

    def end(self, error: BaseException | None = None) -> None:
        """End the span, with what went wrong; what was cancelled did not go wrong."""
        self.leave()
        if isinstance(error, Exception):
            self.span.record_exception(error)
        self.span.end()
