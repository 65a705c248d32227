"""What is asked: a language model, or a Python function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from pegboard_tracing.api import SpanType, start_span

from pegboard_evaluation import resumption
from pegboard_evaluation.genai import spending
from pegboard_evaluation.genai.answering import ASKS, MODEL
from pegboard_evaluation.genai.cases import digest
from pegboard_evaluation.genai.texts import as_json
from pegboard_evaluation.suites import python_files
from pegboard_evaluation.suites.prompts import Prompt
from pegboard_evaluation.suites.source import At, fields, number, rows, text

_URI = re.compile(r"[a-z][a-z0-9-]*:/[^/].*")
_OTHERS = re.compile(r"([a-z][a-z0-9-]*):(?:chat:|completion:|messages:)?([^/].*)")
"""A model as promptfoo writes it."""
_SPELLINGS = {"id": "model", "label": "name", "config": "params", "provider": "model"}
_GIVEN = ("prompt", "messages", "vars")
"""What a function may take beside the variables of a case."""


@frozen
class Target:
    """A model by its URI with the fields that go with each request, or a function."""

    name: str
    model: str
    at: At
    params: Mapping[str, Any] = {}
    timeout: float | None = None
    function: Callable[..., Any] | None = None

    def digest(self, prompt: Prompt) -> str:
        """Return what is the same as long as the same is asked in the same way."""
        source = "" if self.function is None else resumption.source_of(self.function)
        params = {**prompt.params, **self.params}
        return digest(self.model, params, prompt.content, source)

    def predictor(self, prompt: Prompt) -> Callable[..., Any]:
        """Return the function that answers a case: its keywords are the case's variables."""
        if self.function is not None:
            return self._calling(prompt, self.function)

        params = {**prompt.params, **self.params}

        def predict_fn(**variables: Any) -> str:
            return self._asked(prompt.messages(variables), params)

        def asks(**variables: Any) -> spending.Counted:
            return spending.counted(self.model, prompt.messages(variables), params)

        setattr(predict_fn, ASKS, asks)
        setattr(predict_fn, MODEL, self.model)
        return predict_fn

    def _asked(self, messages: list[dict[str, Any]], params: Mapping[str, Any]) -> str:
        with start_span(self.name, SpanType.CHAT_MODEL) as span:
            span.set_inputs({"messages": messages, **params})
            answer = spending.complete(self.model, messages, timeout=self.timeout, **params)
            span.set_outputs(answer.message)
            span.set_attribute("mlflow.llm.model", answer.model)
            span.set_attribute("mlflow.llm.provider", answer.provider)
            into = answer.usage.get("prompt_tokens") or 0
            out = answer.usage.get("completion_tokens") or 0
            usage = {"input_tokens": into, "output_tokens": out, "total_tokens": into + out}
            span.set_attribute("mlflow.chat.tokenUsage", usage)
            if answer.cost is not None:
                span.set_attribute("mlflow.llm.cost", _cost(answer.cost))
            return answer.text or as_json(answer.message.get("tool_calls") or "")

    def _calling(self, prompt: Prompt, function: Callable[..., Any]) -> Callable[..., Any]:
        wanted = inspect.signature(function).parameters.values()
        open_ended = any(each.kind is each.VAR_KEYWORD for each in wanted)
        names = {each.name for each in wanted}

        def predict_fn(**variables: Any) -> Any:
            given = {key: value for key, value in variables.items() if open_ended or key in names}
            if "vars" in names:
                given["vars"] = variables
            if {"prompt", "messages"} & names:
                messages = prompt.messages(variables)
                told = {"messages": messages, "prompt": messages[-1]["content"]}
                given |= {key: value for key, value in told.items() if key in names}
            return function(**given)

        return predict_fn

    def check(self, prompt: Prompt, variables: Mapping[str, Any]) -> None:
        """Refuse a case that has not what this takes; InvalidValue names it."""
        if self.function is None:
            prompt.messages(variables)
            return
        for each in inspect.signature(self.function).parameters.values():
            if each.name in ("prompt", "messages") and each.name not in variables:
                if prompt.content is None:
                    raise self.at.wrong(
                        f"The function takes {each.name!r}, and there are no prompts."
                    )
                prompt.messages(variables)
            elif (
                each.default is each.empty
                and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
                and each.name not in (*_GIVEN, *variables)
            ):
                raise self.at.wrong(
                    f"The function takes {each.name!r}, which is not a variable of the case.",
                    f"It may take: {', '.join((*_GIVEN, *variables))}.",
                )


def _cost(total: float) -> dict[str, float]:
    return {"input_cost": 0.0, "output_cost": 0.0, "total_cost": total}


def read(at: At, given: Any) -> list[Target]:
    """Return the models of a form; InvalidValue names what is wrong."""
    found: list[Target] = []
    for where, each in rows(at, given):
        made = _target(where, each)
        if made.name in {other.name for other in found}:
            raise where.wrong(f"Two models are called {made.name!r}.", "Give one another 'name'.")
        found.append(made)
    if not found:
        raise at.wrong("There is no model.")
    return found


def _target(at: At, given: Any) -> Target:
    if isinstance(given, str):
        given = {"model": given}
    table = fields(at, given, ["name", "model", "params", "timeout"], _SPELLINGS)
    if "model" not in table:
        raise at.wrong("There is no 'model'.")
    model = text(at, table["model"])
    name = text(at, table.get("name", model))
    timeout = number(at / "timeout", table["timeout"]) if table.get("timeout") else None
    params = table.get("params") or {}
    if not isinstance(params, Mapping):
        raise (at / "params").wrong("expected a table of fields, such as {temperature: 0}.")
    if python_files.is_target(model):
        found = python_files.resolve(at, model)
        if not callable(found):
            raise at.wrong(f"{model!r} is not a function.")
        return Target(name, model, at, dict(params), timeout, found)
    if _URI.fullmatch(model) is None:
        raise at.wrong(f"{model!r} does not name a model.", _meant(model))
    return Target(name, model, at, dict(params), timeout)


def _meant(model: str) -> str:
    usual = "It is PROVIDER:/MODEL, gateway:/NAME, endpoints:/NAME or FILE.py:FUNCTION."
    match = _OTHERS.fullmatch(model)
    return usual if match is None else f"Did you mean '{match[1]}:/{match[2]}'? {usual}"
