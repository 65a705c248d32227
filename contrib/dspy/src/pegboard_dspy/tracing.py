"""The callback that makes spans of what DSPy runs, and where it is silent."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import dspy
from dspy.utils.callback import BaseCallback
from pegboard_models.autologging import Integration
from pegboard_tracing import calls

INTEGRATION = Integration("dspy", "dspy", ("3.0", "3.4"), subject="The program")

_SECRETS = {"api_key", "api_base", "azure_ad_token", "client_secret", "azure_password"}
_TOKENS = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
}

F = TypeVar("F", bound=Callable[..., Any])


def option(name: str) -> bool:
    """Whether a switch that only this library has is on."""
    return bool(INTEGRATION.switches.options.get(name))


def _guarded(function: F) -> F:
    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> None:
        with INTEGRATION.guard(function.__name__):
            function(*args, **kwargs)

    return cast(F, method)


class Tracer(BaseCallback):  # type: ignore[misc]
    """Makes spans. One may see many traces at a time."""

    def __init__(self) -> None:
        """Know of nothing that runs."""
        self._open: dict[str, tuple[calls.CallSpan, Any]] = {}
        self._silent = 0

    def __deepcopy__(self, memo: object) -> Tracer:
        return self

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Make no spans meanwhile, in whichever thread: DSPy has threads of its own."""
        from pegboard_tracing.api import context

        self._silent += 1
        try:
            with context(enabled=False):
                yield
        finally:
            self._silent -= 1

    # -- spans ---------------------------------------------------------------------------------

    def _begin(
        self,
        call_id: str,
        name: str,
        span_type: str,
        inputs: Mapping[str, Any],
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        if self._silent or not option("traces") or not INTEGRATION.is_on():
            return
        span = calls.begin(name, span_type, inputs, attributes)
        self._open[call_id] = (span, calls.activate(span))

    def _end(self, call_id: str, outputs: Any, error: BaseException | None) -> None:
        known = self._open.pop(call_id, None)
        if known is None:
            return
        span, token = known
        try:
            if error is not None:
                calls.fail(span, error)
            else:
                span.end(outputs=outputs)
        finally:
            calls.deactivate(token)

    # -- modules -------------------------------------------------------------------------------

    @_guarded
    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the span of a module."""
        given = {name: value for name, value in inputs.items() if name != "args" or value}
        name = f"{type(instance).__name__}.forward"
        self._begin(call_id, name, _kind(instance), _unpacked(given), _described(instance))

    @_guarded
    def on_module_end(
        self, call_id: str, outputs: Any, exception: BaseException | None = None
    ) -> None:
        """End the span of a module, with the tokens of all that it asked."""
        found = outputs
        if isinstance(outputs, dspy.Prediction):
            found = outputs.toDict()
            with INTEGRATION.guard("counting tokens"):
                used = outputs.get_lm_usage()
                if used and call_id in self._open:
                    calls.tell_usage(self._open[call_id][0], _usage(used))
        self._end(call_id, found, exception)

    # -- models and adapters -------------------------------------------------------------------

    @_guarded
    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the span of a model."""
        given = getattr(instance, "kwargs", None) or {}
        attributes = {name: value for name, value in given.items() if name not in _SECRETS}
        for name in ("model", "model_type", "cache"):
            attributes[name] = getattr(instance, name, None)
        model = str(attributes["model"])
        attributes |= {calls.FORMAT: "dspy", "mlflow.llm.model": model}
        if "/" in model:
            attributes["mlflow.llm.provider"] = model.partition("/")[0]
        kind = "CHAT_MODEL" if attributes["model_type"] == "chat" else "LLM"
        name = f"{type(instance).__name__}.__call__"
        self._begin(call_id, name, kind, _unpacked(inputs), attributes)

    @_guarded
    def on_adapter_format_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the span of an adapter that writes a prompt."""
        self._begin(call_id, f"{type(instance).__name__}.format", "PARSER", _unpacked(inputs))

    @_guarded
    def on_adapter_parse_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the span of an adapter that reads an answer."""
        self._begin(call_id, f"{type(instance).__name__}.parse", "PARSER", _unpacked(inputs))

    # -- tools ---------------------------------------------------------------------------------

    @_guarded
    def on_tool_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the span of a tool; ``finish`` is none, but how an agent says that it is done."""
        if instance.name == "finish":
            return
        about = {"name": instance.name, "description": instance.desc, "args": instance.args}
        given = {key: value for key, value in _unpacked(inputs).items() if key != "args"}
        self._begin(call_id, f"Tool.{instance.name}", "TOOL", given, about)

    def _on_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """End a span."""
        with INTEGRATION.guard("the end of a call"):
            self._end(call_id, outputs, exception)

    on_lm_end = on_adapter_format_end = on_adapter_parse_end = on_tool_end = _on_end

    # -- evaluations ---------------------------------------------------------------------------

    @_guarded
    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Begin the run of an evaluation, if it is to have one."""
        del instance
        from pegboard_dspy import runs

        if option("evals") and INTEGRATION.is_on():
            runs.begin_evaluation(call_id, inputs)

    @_guarded
    def on_evaluate_end(
        self, call_id: str, outputs: Any, exception: BaseException | None = None
    ) -> None:
        """Log the score of an evaluation, and end its run."""
        from pegboard_dspy import runs

        runs.end_evaluation(call_id, outputs, exception)


TRACER = Tracer()


def _kind(module: Any) -> str:
    kinds = (
        (dspy.Retrieve, "RETRIEVER"),
        (dspy.ReAct, "AGENT"),
        (dspy.Predict, "LLM"),
        (dspy.Adapter, "PARSER"),
    )
    return next((name for kind, name in kinds if isinstance(module, kind)), "CHAIN")


def _described(module: Any) -> dict[str, Any]:
    """Return what goes in and out of a module that asks a model, by names."""
    if isinstance(module, dspy.Predict):
        return {"signature": module.signature.signature}
    if not isinstance(module, dspy.ChainOfThought):
        return {}
    own = getattr(module, "signature", None) or module.predict.signature
    extended = getattr(module, "extended_signature", None)
    told = {"signature": own.signature}
    return told if extended is None else {**told, "extended_signature": extended.signature}


def _unpacked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by their names; of signatures, which are classes, a text."""
    given = {name: value for name, value in inputs.items() if name != "kwargs"}
    given |= inputs.get("kwargs") or {}
    return {name: _shown(value) for name, value in given.items()}


def _shown(value: Any) -> Any:
    is_signature = isinstance(value, type) and issubclass(value, dspy.Signature)
    return repr(value) if is_signature else value


def _usage(by_model: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {
        ours: sum(used.get(theirs) or 0 for used in by_model.values())
        for ours, theirs in _TOKENS.items()
    }
