"""``prompts/render``: which variables a template has, and the template filled in for rows.

For pages, which have no sandbox of Jinja: here a template is rendered as it is for callers of the
gateway, within the same bounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import thread_time
from typing import Annotated, Any

import attrs
from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_llm import filling, templates, variables
from pegboard_llm.templates import Messages, Template
from pegboard_llm.values import json_of
from pegboard_wire.http import Call, Permission
from pegboard_wire.shapes import TEXT, array, record
from pegboard_wire.typed import AtMost, typed

MOST_ROWS = 100
MOST_SECONDS = 5.0
"""How long a thread works on all rows of a request: each has a bound of its own."""
_MOST_TEXT = 16 << 20
_LONG = ("[", "{")


@frozen
class RenderRequest:
    """A template, and values for it.

    ``messages`` is JSON: a list of ``{"role", "content"}``; ``rows`` are objects of values, each
    JSON in a text; ``variables`` is what is known of them, as a prompt has it.
    """

    messages: Annotated[str, AtMost(1 << 20)]
    rows: Annotated[list[Annotated[str, AtMost(_MOST_TEXT)]], AtMost(MOST_ROWS)] = attrs.field(
        factory=list
    )
    variables: Annotated[str, AtMost(1 << 20)] = "{}"


def render(call: Call, wanted: RenderRequest) -> dict[str, Any]:
    """Return the names of the variables, and the messages of each row; InvalidValue names a row."""
    del call
    template = templates.checked(_json(wanted.messages, "messages"))
    if isinstance(template, str):
        raise InvalidValue("The field 'messages' is not a list of messages.")
    filling.check(template)
    names = filling.names(template)
    known = variables.loaded(wanted.variables)
    until = thread_time() + MOST_SECONDS
    found: list[Template] = []
    for number, row in enumerate(wanted.rows, 1):
        if thread_time() > until:
            raise InvalidValue(
                f"The template is not rendered for row {number} and those after it: all of them "
                f"take more than {MOST_SECONDS:g} seconds."
            )
        values = _json(row, f"rows[{number - 1}]")
        if not isinstance(values, dict):
            raise InvalidValue(f"The field 'rows[{number - 1}]' is not an object.")
        try:
            found.append(_filled(template, names, known, values))
        except InvalidValue as error:
            where = "" if len(wanted.rows) == 1 else f"Row {number}: "
            raise InvalidValue(f"{where}{error.message}", hint=error.hint) from None
    return {"names": names, "rows": found}


def _filled(
    template: Messages,
    names: list[str],
    known: Mapping[str, variables.Variable],
    given: Mapping[str, Any],
) -> Template:
    values = {
        name: value if name in known else _written(value)
        for name, value in given.items()
        if value is not None
    }
    values = variables.completed([*names, *known], known, values, written=True)
    if templates.is_jinja(template):
        return filling.rendered(template, values)
    return templates.filled(template, values)


def _written(value: Any) -> Any:
    """Return the list or object that a text of JSON stands for: what loops run over."""
    if not isinstance(value, str) or not value.lstrip().startswith(_LONG):
        return value
    try:
        return json_of(value)
    except ValueError:
        return value


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValue(f"The field {what!r} is not JSON.") from None


_OBJECTS = array({"type": "object"})
ENDPOINTS = [
    typed(
        "POST", "/api/pegboard/1.0/prompts/render", render, Permission.INVOKE,
        "The variables of a template, and its messages for rows of values; Jinja in its sandbox.",
        RenderRequest, record(names=array(TEXT), rows=array(_OBJECTS)), tags=("Prompts",),
    ),
]  # fmt: skip
