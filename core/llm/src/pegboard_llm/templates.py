"""``{{ variables }}`` in texts: which there are, and their replacement in one pass.

A value is put in as it is: what stands in it between braces is text, never a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pegboard.errors import InvalidValue

Messages = list[dict[str, Any]]
Template = str | Messages

_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*"
VARIABLE = re.compile(rf"\{{\{{\s*({_NAME})\s*\}}\}}")
"""A variable, as MLflow has it: {{a-b}}, {{größe}} and {a} are text."""

NAME = re.compile(_NAME)
MISSING = object()


def texts(template: Template) -> Iterator[str]:
    """Yield the texts of a template that may hold variables."""
    if isinstance(template, str):
        yield template
        return
    for message in template:
        yield from _texts_of(message.get("content"))


def _texts_of(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Sequence):
        for part in content:
            if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                yield part["text"]


def mapped(template: Template, change: Callable[[str], str]) -> Template:
    """Return a template with each of its texts changed; all else of messages stays."""
    if isinstance(template, str):
        return change(template)
    return [
        {**message, "content": _mapped(message["content"], change)}
        if "content" in message
        else dict(message)
        for message in template
    ]


def _mapped(content: Any, change: Callable[[str], str]) -> Any:
    if isinstance(content, str):
        return change(content)
    if isinstance(content, Sequence):
        return [
            {**part, "text": change(part["text"])}
            if isinstance(part, Mapping) and isinstance(part.get("text"), str)
            else part
            for part in content
        ]
    return content


def places(template: Template) -> Iterator[str]:
    """Yield the name of the variable at each place where one stands."""
    return (name for text in texts(template) for name in VARIABLE.findall(text))


def variables(template: Template) -> list[str]:
    """Return the names of the variables, in the order in which they stand there first."""
    return list(dict.fromkeys(places(template)))


def is_jinja(template: Template) -> bool:
    """Whether a template has statements of Jinja, ``{% … %}``."""
    if isinstance(template, str):
        return "{%" in template and "%}" in template
    return any("{%" in text and "%}" in text for text in texts(template))


def missing(names: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Return those of the names of variables that have no value."""
    return [name for name in names if name not in values and lookup(name, values) is MISSING]


def filled(template: Template, values: Mapping[str, Any]) -> Template:
    """Return a template with the variables replaced that ``values`` has; others stay."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        value = values[name] if name in values else lookup(name, values)
        return match[0] if value is MISSING else str(value)

    if isinstance(template, str):
        return VARIABLE.sub(replace, template)
    return mapped(template, lambda text: VARIABLE.sub(replace, text))


def lookup(name: str, values: Mapping[str, Any]) -> Any:
    """Return the value of a variable, MISSING if there is none.

    That of ``a.b`` is the one given for "a.b", else the item ``b`` of what is given for ``a``.
    """
    if name in values:
        return values[name]
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return MISSING
        found = found[part]
    return found


def checked(template: Any) -> Template:
    """Return a template; InvalidValue if it is neither a text nor a list of messages."""
    if isinstance(template, str):
        if not template:
            raise InvalidValue("The prompt is empty.", hint="Write a text, or a list of messages.")
        return template
    if not isinstance(template, list) or not template:
        raise InvalidValue(
            f"A prompt is a text or a list of messages, not {template!r:.60}.",
            hint='Write "Hello {{name}}", or [{"role": "user", "content": "Hello {{name}}"}].',
        )
    for number, message in enumerate(template, 1):
        _check_message(number, message)
    return [dict(message) for message in template]


def _check_message(number: int, message: Any) -> None:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise InvalidValue(
            f"Message {number} is {message!r:.60}: it has no role.",
            hint='A message is like {"role": "user", "content": "Hello {{name}}"}.',
        )
    content = message.get("content")
    if content is None and message.get("tool_calls"):
        return
    parts = isinstance(content, list) and all(isinstance(part, Mapping) for part in content)
    if not isinstance(content, str) and not parts:
        raise InvalidValue(
            f"The content of message {number} is {content!r:.60}, not a text.",
            hint="It is a text, or a list of parts such as {'type': 'text', 'text': …}.",
        )
