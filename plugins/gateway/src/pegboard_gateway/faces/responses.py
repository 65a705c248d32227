"""The routes of OpenAI's Responses API: creating one, whole or streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.llm import Json, LLMError, Trouble
from pegboard_llm.prompts import VARIABLES, VERSION
from pegboard_wire.http import Call, Endpoint

from pegboard_gateway import service
from pegboard_gateway.faces import asking, bodies, errors, openai
from pegboard_gateway.faces import response_items as items
from pegboard_gateway.faces.response_events import ResponseWriter
from pegboard_gateway.faces.values import mapping, refuse_others, text, wrong


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    handle = asking.handler(_read, errors.openai, "responses")
    return [
        openai.face(f"{prefix}responses", handle, "Answer a conversation.")
        for prefix in openai.PREFIXES
    ]


def _read(call: Call, body: Json) -> asking.Question:
    ours: Json = {}
    if body.get("prompt") is not None:
        ours = _prompted(call, body)
        body.setdefault("input", [])
    name = bodies.endpoint_name(body)
    return asking.Question(
        name,
        {**items.read({key: value for key, value in body.items() if key != "prompt"}), **ours},
        lambda found: items.answer(found, items.skeleton(body, name)),
        lambda: ResponseWriter(items.skeleton(body, name)),
    )


def _prompted(call: Call, body: Json) -> Json:
    """Return what the field ``prompt`` says, as our fields; ``model`` is set if it is not there.

    A client reaches the prompts that endpoints have, and no others of the registry.
    """
    given = mapping(body["prompt"], "prompt")
    refuse_others(given, ("id", "version", "variables"), "The Responses API", "prompt")
    named = text(given.get("id"), "prompt.id").removeprefix("prompts:/")
    gateway = service.of(call.host)
    caller = gateway.callers.of(call, call.headers)
    having = [
        name
        for name, each in gateway.catalog.current.endpoints.items()
        if each.prompt
        and named in (name, _bare(each.prompt), each.prompt.removeprefix("prompts:/"))
        and gateway.callers.may_see(caller, name)
    ]
    wanted = body.get("model")
    found = [name for name in having if name == (wanted or named)] or ([] if wanted else having)
    if len(found) != 1:
        raise LLMError(
            Trouble.NO_MODEL,
            f"Several endpoints have the prompt {named[:100]!r}."
            if len(found) > 1
            else f"The endpoint {str(wanted)[:100]!r} is not for the prompt {named[:100]!r}."
            if wanted
            else f"There is no endpoint for the prompt {named[:100]!r}.",
            hint="Name as 'model' an endpoint that has this prompt.",
            param="prompt.id",
        )
    body["model"] = found[0]
    values = mapping(given.get("variables") or {}, "prompt.variables")
    ours = {VARIABLES: {key: _value(value, key) for key, value in values.items()}}
    return ours if given.get("version") is None else {**ours, VERSION: given["version"]}


def _bare(prompt: str) -> str:
    return prompt.removeprefix("prompts:/").partition("@")[0].partition("/")[0]


def _value(value: Any, name: str) -> Any:
    """Return a value: OpenAI's API has texts as parts of a message, too."""
    if not isinstance(value, Mapping) or not str(value.get("type")).startswith("input_"):
        return value
    if value["type"] != "input_text":
        wrong("A variable of a prompt takes no pictures and files.", f"prompt.variables.{name}")
    return text(value.get("text"), f"prompt.variables.{name}.text")
