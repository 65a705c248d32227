"""Templates that are filled in for pages."""

from __future__ import annotations

import json
from typing import Any

import pegboard
import pytest
from pegboard.config import Config
from pegboard.errors import InvalidValue
from pegboard.host import Host
from pegboard_prompts.rendering import ENDPOINTS
from pegboard_wire.http import Call, Identity

LOOP = "{% for each in items %}{{ loop.index }}. {{ each|upper }} {% endfor %}for {{ user.name }}"


def render(content: str, *rows: dict[str, Any], **more: Any) -> Any:
    messages = json.dumps([{"role": "user", "content": content}])
    given = {"messages": messages, "rows": [json.dumps(each) for each in rows], **more}
    who = Identity("ann", frozenset())
    return ENDPOINTS[0].handle(Call(Host(Config()), who, given, {}))


def said(content: str, *rows: dict[str, Any], **more: Any) -> list[str]:
    return [each[0]["content"] for each in render(content, *rows, **more)["rows"]]


def test_variables_are_found_and_lists_are_read_out_of_texts() -> None:
    assert render(LOOP)["names"] == ["items", "user"]
    assert render("{{ a.b }} {{c}} {d}")["names"] == ["a.b", "c"]
    typed = {"items": '["a", "<b>{{ user }}"]', "user": '{"name": "Ann"}'}
    assert said(LOOP, typed) == ["1. A 2. <B>{{ USER }} for Ann"]
    # What is missing is empty, as it is for callers; a type makes numbers of texts.
    assert said(
        "{% if n > 2 %}many{% endif %}{{ no }}", {"n": "3"}, variables='{"n": "integer"}'
    ) == ["many"]
    assert said("{{ a }}", {"a": "{{ b }}"}, {"a": "[1]"}) == ["{{ b }}", "[1]"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "many steps",
        ),
        ("{% for a in b", ""),
        ("{% if a %}", "cannot be rendered in line 1"),
        ("{% if 1 %}{{ ''.__class__.__mro__ }}{% endif %}", "cannot be rendered|unsafe"),
        ("{% if 1 %}{{ n / 0 }}{% endif %}", "cannot be rendered"),
    ],
)
def test_what_cannot_be_rendered_is_said(content: str, why: str) -> None:
    if "%}" not in content:
        assert said(content, {}) == [content]
        return
    with pytest.raises(InvalidValue, match=why):
        render(content, {"n": 1})
    if "cannot be rendered in" not in why:
        with pytest.raises(InvalidValue, match=r"^Row 2: "):
            render("{% if n %}" + content + "{% endif %}", {"n": 0}, {"n": 1})


@pytest.mark.usefixtures("place")
def test_a_variable_that_only_a_loop_takes_can_be_described() -> None:
    prompt = pegboard.register_prompt(
        "list", LOOP, variables={"items": {"type": "array", "default": ["x"]}}
    )
    assert prompt.format(user={"name": "Bo"}) == "1. X for Bo"
    with pytest.raises(InvalidValue, match="takes an array, not 'a'"):
        prompt.format(items="a", user={"name": "Bo"})
    with pytest.raises(InvalidValue, match="no variable 'item'"):
        pegboard.register_prompt("list", LOOP, variables={"item": "array"})
