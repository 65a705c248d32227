"""Texts in requests, answers and streams: found, and replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from pegboard.contracts.llm import Json

from pegboard_gateway.control.contract import Blocked, StreamGuard
from pegboard_gateway.entities import Asked

_NOTHING = object()
Edit = Callable[[str], str]
"""Returns what may be said instead of a text: mostly the same. May raise Blocked."""

_FIELDS = ("content", "reasoning_content", "refusal")
"""Where a delta of a stream has text, beside calls of tools."""
_KNOWN = frozenset({"role", "tool_calls", "function_call", *_FIELDS})
"""What of a delta is looked at; of what is not, nothing goes on."""
_FILES = frozenset({"url", "file_data"})
_FIELDS_OF_THE_API = (
    "annotations arguments content description detail file file_data filename format function "
    "function_call id image_url index input input_audio items json_schema logprobs max_tokens "
    "message messages model name parameters prompt properties reasoning_content refusal required "
    "response_format role schema stop strict temperature text thinking_blocks tool_call_id "
    "tool_calls tool_choice tools type url user"
)
_NAMES = frozenset(_FIELDS_OF_THE_API.split())
"""Names of fields that are the API's; any other may be a client's words, and is looked at."""
_WORDS_OF_THE_API = (
    "array assistant auto boolean custom developer file function high image_url input_audio "
    "integer json_object json_schema low medium none null number object refusal required string "
    "system text tool url user"
)
_WORDS = frozenset(_WORDS_OF_THE_API.split())
"""Words of the API that say nothing themselves."""
_DATA = re.compile(r"data:[a-z]{1,20}/[a-z][a-z0-9.+-]{0,99};base64,[A-Za-z0-9+/_=-]*")


def edited(value: Any, edit: Edit, name: str = "") -> Any:
    """Return a value of JSON with all its texts edited; the same object if nothing changed.

    Names that are not the API's own are texts too. ``name`` is the field that holds the value.
    """
    if isinstance(value, str):
        # A picture or a file in base64 says nothing that can be read, and is not searched. What
        # only begins like one, or stands where text does, is text.
        return value if name in _FILES and _DATA.fullmatch(value) else edit(value)
    if isinstance(value, dict):
        made = {
            name if name in _NAMES else edit(name): edited(each, edit, name)
            for name, each in value.items()
        }
        same = all(made.get(name, _NOTHING) is each for name, each in value.items())
        return value if same else made
    if isinstance(value, list):
        items = [edited(each, edit, name) for each in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def edited_request(asked: Asked, edit: Edit, guardrail: str) -> Asked:
    """Return a request with its texts edited; Blocked if it has tokens in place of text."""
    refuse_tokens(asked, guardrail)
    body = dict(asked.body)
    made = edited(body, edit)
    return asked if made is body else evolve(asked, body=made)


def refuse_tokens(asked: Asked, guardrail: str) -> None:
    """Raise Blocked if a request has tokens in place of text."""
    for name in ("input", "prompt"):
        if _has_tokens(asked.body.get(name)):
            raise Blocked(
                guardrail,
                f"{name!r} must be text here: the guardrail {guardrail!r} cannot read tokens.",
            )


def _has_tokens(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return any(
        isinstance(each, int) or (isinstance(each, list) and _has_tokens(each)) for each in value
    )


def edited_answer(answer: Json, edit: Edit) -> Json:
    """Return an answer with the texts of its choices edited."""
    choices = answer.get("choices")
    if not choices:
        return answer
    made = edited(choices, edit)
    if made is choices:
        return answer
    # The tokens of what was said spell it once more, each by itself nothing that is found.
    kept = [
        new if new is old else {**new, "logprobs": None}
        for new, old in zip(made, choices, strict=True)
    ]
    return {**answer, "choices": kept}


def said(value: Any) -> str:
    """Return all that a value of JSON says, as one text: texts, and names that are a client's."""
    found: list[str] = []

    def look(text: str) -> str:
        found.append(text)
        return text

    edited(value, look)
    return "\n".join(text for text in found if text not in _WORDS)


class WindowedStream(StreamGuard):
    """Edits the texts of a stream, and lets each through once a window of text has followed it.

    What is found must fit into the window: of something longer the first part may be gone already.
    """

    def __init__(self, edit: Callable[[str, bool], tuple[str, str]]) -> None:
        """``edit(text, is_end)`` returns the edited text that may go on, and what is kept back."""
        self._edit = edit
        self._held: dict[tuple[Any, ...], str] = {}
        self._last: Json = {}

    def feed(self, events: Sequence[Json]) -> Sequence[Json]:
        """Return the events that may go on to the client."""
        return [passed for event in events for passed in self._event(event)]

    def end(self) -> Sequence[Json]:
        """Return what was held back."""
        return self._rest(None)

    def _event(self, event: Json) -> list[Json]:
        choices = event.get("choices")
        if not choices:
            # Only the usage is left, and nothing comes after it.
            return [*self._rest(None), event]
        self._last = {**event, "choices": []}
        made, before = [], []
        for choice in choices:
            changed = self._choice(choice)
            if choice.get("finish_reason"):
                before += self._rest(choice.get("index", 0))
            made.append(changed)
        if not any(_says(choice) for choice in made):
            return before
        return [*before, {**event, "choices": made}]

    def _choice(self, choice: Json) -> Json:
        index = choice.get("index", 0)
        if choice.get("logprobs"):
            # They spell what is held back.
            choice = {**choice, "logprobs": None}
        if "delta" not in choice:
            text = choice.get("text")
            return {**choice, "text": self._pass((index, "text"), text)} if text else choice
        delta = {key: each for key, each in (choice["delta"] or {}).items() if key in _KNOWN}
        for name in _FIELDS:
            if isinstance(delta.get(name), str) and delta[name]:
                delta[name] = self._pass((index, name), delta[name])
        if delta.get("tool_calls"):
            delta["tool_calls"] = [self._tool_call(index, call) for call in delta["tool_calls"]]
        if arguments := (delta.get("function_call") or {}).get("arguments"):
            passed = self._pass((index, "function_call"), arguments)
            delta["function_call"] = {**delta["function_call"], "arguments": passed}
        return {**choice, "delta": delta}

    def _tool_call(self, index: int, call: Json) -> Json:
        function = call.get("function") or {}
        arguments = function.get("arguments")
        if not arguments:
            return call
        passed = self._pass((index, "tool", call.get("index", 0)), arguments)
        return {**call, "function": {**function, "arguments": passed}}

    def _pass(self, place: tuple[Any, ...], text: str) -> str:
        passed, self._held[place] = self._edit(self._held.get(place, "") + text, False)
        return passed

    def _rest(self, index: int | None) -> list[Json]:
        """Return events with what is held of one choice, or of all."""
        places = [place for place in self._held if index is None or place[0] == index]
        found = []
        for place in places:
            passed, _ = self._edit(self._held.pop(place), True)
            if passed:
                found.append({**self._last, "choices": [_choice_of(place, passed)]})
        return found


def _choice_of(place: tuple[Any, ...], text: str) -> Json:
    index, field, *tool = place
    if field == "text":
        return {"index": index, "text": text, "finish_reason": None}
    if field == "tool":
        delta: Json = {"tool_calls": [{"index": tool[0], "function": {"arguments": text}}]}
    elif field == "function_call":
        delta = {"function_call": {"arguments": text}}
    else:
        delta = {field: text}
    return {"index": index, "delta": delta, "finish_reason": None}


def _says(choice: Json) -> bool:
    """Whether a client learns anything from a choice."""
    if choice.get("finish_reason") or choice.get("text"):
        return True
    delta = choice.get("delta") or {}
    calls = delta.get("tool_calls") or ()
    called = delta.get("function_call") or {}
    return bool(
        delta.get("role")
        or any(delta.get(name) for name in _FIELDS)
        or any(c.get("id") or (c.get("function") or {}).get("arguments") for c in calls)
        or called.get("name")
        or called.get("arguments")
    )
