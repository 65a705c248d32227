"""Filling in variables: once, in one pass, and Jinja within bounds."""

from __future__ import annotations

from typing import Any

import pytest
from pegboard.errors import InvalidState, InvalidValue
from pegboard_llm import jinja
from pegboard_prompts.codec import unregistered
from pegboard_prompts.entities import PromptVersion
from pegboard_stores import prompt_tags


def prompt(template: Any, **described: Any) -> PromptVersion:
    return unregistered("p", template, described=described or None)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("Hi {{name}}", {"name": "{{place}}", "place": "Rome"}, "Hi {{place}}"),
        ("{{a}}{{b}}", {"a": "{{b", "b": "}}"}, "{{b}}"),
        ("{{ a.b }}", {"a.b": 1}, "1"),
        ("{{ a.b }}", {"a": {"b": 2}}, "2"),
        ("{{a-b}} {{größe}} {a}", {"a": 1}, "{{a-b}} {{größe}} {a}"),
        ("{{a}}", {"a": None, "more": 1}, "None"),
        ("{{a}}", {"a": r"\1 \g<0> & <b>"}, r"\1 \g<0> & <b>"),
        ("{{a}}", {"a": "x" * 3_000_000}, "x" * 3_000_000),
        ("{{self}} {{values}}", {"self": 1, "values": 2}, "1 2"),
        (
            [{"role": "user", "content": [{"type": "text", "text": "{{a}}"}, {"type": "image"}]}],
            {"a": '"'},
            [{"role": "user", "content": [{"type": "text", "text": '"'}, {"type": "image"}]}],
        ),
        ("{% if a %}A{% else %}B{% endif %}{{ b }}", {"b": "{{a}}"}, "B{{a}}"),
        (
            "{% for x in xs %}{{ loop.index }}:{{ x|upper }}{{ ', ' if not loop.last }}"
            "{% endfor %}",
            {"xs": ["a", "b"]},
            "1:A, 2:B",
        ),
        ("{% set n = namespace(x=1) %}{% set n.x = n.x + 1 %}{{ n.x ~ 'a' }}", {}, "2a"),
        (
            "{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ d.items()|list }}",
            {"d": {}},
            "<1>[]",
        ),
    ],
)
def test_variables_are_replaced_once(template: Any, values: Any, expected: Any) -> None:
    assert prompt(template).format(**values) == expected


def test_a_version_is_made_by_hand_as_mlflow_makes_it() -> None:
    made = PromptVersion(
        name="p",
        version="3",
        template="Hi {{name}}",
        commit_message="first",
        tags={"team": "birds"},
        aliases=["live"],
        response_format={"type": "object"},
        model_config={"temperature": 0.5},
    )
    assert (made.version, made.uri, made.format(name="Ann")) == (3, "prompts:/p/3", "Hi Ann")
    assert (made.tags, made.aliases, made.description) == ({"team": "birds"}, ("live",), "first")
    assert (made.response_format, made.model_config) == ({"type": "object"}, {"temperature": 0.5})
    chat = [{"role": "user", "content": "{{a}} {{b}}"}]
    partial = PromptVersion("p", 1, chat).format(a=1, allow_partial=True)
    assert partial == PromptVersion("p", 1, [{"role": "user", "content": "1 {{b}}"}])
    for wrong in ({"template": 3}, {"template": []}, {"version": "x"}):
        with pytest.raises(InvalidValue):
            PromptVersion(**{"name": "p", "version": 1, "template": "a", **wrong})


def test_all_missing_variables_are_named_and_can_stay() -> None:
    made = prompt("{{a}} {{b}} {{c}}")
    with pytest.raises(InvalidValue, match="'b', 'c'"):
        made.format(a=1)
    partial = made.format(a="{{b}}", allow_partial=True)
    assert isinstance(partial, PromptVersion)
    assert partial.template == "{{b}} {{b}} {{c}}"
    assert made.variables == {"a", "b", "c"}
    assert made.to_single_brace_format() == "{a} {b} {c}"


def test_variables_have_types_and_defaults() -> None:
    made = prompt(
        "{{n}} {{s}}", n={"type": "integer", "default": 3}, s={"type": "string", "description": "x"}
    )
    assert made.format(s="y") == "3 y"
    assert made.variable_info["s"].description == "x"
    for wrong in ({"n": "3"}, {"n": True}, {"s": 3}):
        with pytest.raises(InvalidValue, match="takes a"):
            made.format(**{"s": "y", **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(1000000000) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% if 1 %}{{ 'a' * 1000000000 }}{% endif %}",
        "{% if 1 %}{{ 9 ** 9 ** 9 ** 9 }}{% endif %}",
        "{% if 1 %}{{ [0] * 1000000000 }}{% endif %}",
        "{% if 1 %}{{ '%1000000000d' % 1 }}{% endif %}",
        "{% if 1 %}{{ '{:1000000000}'.format(1) }}{% endif %}",
        "{% if 1 %}{{ 'a'.center(1000000000) }}{% endif %}",
        "{% if 1 %}{{ 'a'|center(1000000000) }}{% endif %}",
        "{% if 1 %}{{ 'a'|indent(1000000000, true) }}{% endif %}",
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(90) %}{% set n.x = n.x ~ n.x %}"
        "{% endfor %}",
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(90) %}{% set n.x = n.x + n.x %}"
        "{% endfor %}",
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(90) %}"
        "{% set n.x = n.x|replace('a', n.x) %}{% endfor %}",
        "{% set x %}{{ 'a' }}{% endset %}{% set n = namespace(x=x) %}{% for i in range(90) %}"
        "{% set y %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = y %}{% endfor %}",
        "{% if 1 %}{{ range(99999)|join('x' * 5) }}{{ range(99999)|join(a) }}{% endif %}",
        "{% if 1 %}{{ ''.__class__.__mro__[1].__subclasses__() }}{% endif %}",
        "{% if 1 %}{{ x.y.z }}{% endif %}",
        "{% include 'a' %}",
        "{% for %}",
    ],
)
def test_a_template_that_is_out_of_bounds_ends_in_an_error(template: str) -> None:
    with pytest.raises(InvalidValue, match="The template"):
        prompt(template).format(a="b" * 1000)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (prompt_tags.TEXT, "template"),
        (prompt_tags.MODEL_CONFIG, "model_config"),
        (prompt_tags.RESPONSE_FORMAT, "response_format"),
        (prompt_tags.SOURCE, "source"),
        (prompt_tags.INCLUDES, "includes"),
    ],
)
def test_what_others_wrote_that_is_no_json_is_named(key: str, name: str) -> None:
    chat = prompt([{"role": "user", "content": "Hi"}]).raw_tags
    for wrong in ("[" * 50_000, '["\\ud800"]', "[NaN]"):
        made = PromptVersion.of_tags("p", 3, {**chat, key: wrong})
        with pytest.raises(InvalidState, match="of the prompt 'p', version 3, cannot be read"):
            getattr(made, name)


def test_a_template_whose_rounds_take_long_ends_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jinja, "MOST_SECONDS", 0.02)
    for work in ("xs|sort", "xs|unique|list", "text.split('b')", "text == other", "xs[::-1]"):
        template = f"{{% for i in range(99999) %}}{{% set y = {work} %}}{{% endfor %}}"
        given = {"xs": list(range(9999)), "text": "a" * 99_999, "other": "a" * 99_998 + "b"}
        with pytest.raises(InvalidValue, match=r"more than 0\.02 seconds"):
            prompt(template).format(**given)


def test_jinja_is_not_left_without_its_sandbox() -> None:
    with pytest.raises(InvalidValue, match="sandbox"):
        prompt("{% if a %}{% endif %}").format(use_jinja_sandbox=False)
