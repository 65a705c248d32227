"""A version of a prompt is the request that it makes; wrong ones say what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pegboard.contracts.llm import LLMError, Task, Trouble
from pegboard.entities.registry import ModelVersion
from pegboard.errors import InvalidValue
from pegboard_llm import prompts
from pegboard_llm.prompts import Prompt, read

CHAT = json.dumps(
    [
        {"role": "system", "content": "You help {{who}}."},
        {"role": "user", "content": [{"type": "text", "text": "{{ question }} {b} {{größe}}"}]},
    ]
)


def version(text: str = "Hi {{name}}", **more: str) -> ModelVersion:
    kept = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": text}
    return ModelVersion("support", "3", 0, 0, tags={**kept, **more})


def config(**values: Any) -> dict[str, str]:
    return {"_mlflow_prompt_model_config": json.dumps(values)}


def test_values_are_filled_in_once_and_as_they_are() -> None:
    prompt = read(version("{{ a }} {{b}} {{a}} {{c.d}} {{n}} {{x-y}} {z}"))
    assert prompt.variables == ["a", "b", "c.d", "n"]
    given = {"a": "{{b}} <script>", "b": r"\1 {{a}}", "c": {"d": "ü"}, "n": [1, True], "more": 1}
    assert prompt.filled(given) == r"{{b}} <script> \1 {{a}} {{b}} <script> ü [1, true] {{x-y}} {z}"


def test_a_request_has_what_the_prompt_says_unless_the_caller_says_it() -> None:
    schema = {"_mlflow_prompt_response_format": '{"type": "object"}'}
    told = config(provider="openai", model_name="m", temperature=0.5, max_tokens=9, seed=1)
    own = {"pegboard.prompt.variables": '{"who": {"default": "Ann"}, "x": 3}'}
    prompt = read(version(CHAT, _mlflow_prompt_type="chat", **told, **schema, **own))
    assert (prompt.key, prompt.model) == ("support/3", "openai:/m")
    after = {"role": "user", "content": "And {{who}}?"}
    body = prompt.body(
        {"question": "Why?"}, {"messages": [after], "temperature": 1, "max_completion_tokens": 5}
    )
    assert body["messages"] == [
        {"role": "system", "content": "You help Ann."},
        {"role": "user", "content": [{"type": "text", "text": "Why? {b} {{größe}}"}]},
        after,
    ]
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    others = {key: body[key] for key in body if key not in ("messages", "response_format")}
    assert others == {"seed": 1, "temperature": 1, "max_completion_tokens": 5}


def test_a_text_is_the_users_or_before_messages_the_systems_or_a_completions() -> None:
    prompt = read(version())
    given = {"name": "Ann"}
    assert prompt.body(given)["messages"] == [{"role": "user", "content": "Hi Ann"}]
    after = {"role": "user", "content": "Hello"}
    assert prompt.body(given, {"messages": [after]})["messages"] == [
        {"role": "system", "content": "Hi Ann"},
        after,
    ]
    assert prompt.body(given, {"n": 1}, Task.COMPLETION) == {"prompt": "Hi Ann", "n": 1}


def test_jinja_is_rendered_and_written_values_become_what_the_variable_takes() -> None:
    own = {"pegboard.prompt.variables": '{"xs": "array", "n": {"type": "integer", "default": 2}}'}
    text = "{{ n }}: {% for x in xs %}{{ x }};{% endfor %}{{ late }}"
    prompt = read(version(text, **own))
    for xs in (["{{ n }}", "b"], '["{{ n }}", "b"]'):
        assert prompt.filled({"xs": xs, "n": None, "self": 1}) == "2: {{ n }};b;"
    plain = read(version("{{ n }} {{ xs }}", **own))
    assert plain.filled({"n": "3", "xs": ["ü"]}) == '3 ["ü"]'


@pytest.mark.parametrize(
    ("text", "given", "task", "trouble", "said"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            {},
            Task.CHAT,
            "invalid_request",
            "'support/3' cannot be filled in: The template is not",
        ),
        (
            "{% if ''.__class__.__mro__[1].__subclasses__() %}{% endif %}",
            {},
            Task.CHAT,
            "invalid_request",
            "cannot be filled in",
        ),
        ("{{a}} {{b}} {{c}}", {"b": "", "cc": 1}, Task.CHAT, "invalid_request", "'a', 'c'"),
        ("{{name}}", {"nmae": 1}, Task.CHAT, "invalid_request", "Did you mean 'name' by 'nmae'?"),
        ("{{a}}" * 100, {"a": "x" * (1 << 20)}, Task.CHAT, "invalid_request", "16,777,216"),
        ("{{a}}", {"a": None}, Task.CHAT, "invalid_request", "variable 'a'"),
        ("a", {}, Task.EMBEDDING, "unsupported", "is a text, which is not for llm/v1/embeddings"),
    ],
)
def test_what_cannot_be_filled_says_why(
    text: str, given: dict[str, Any], task: Task, trouble: str, said: str
) -> None:
    with pytest.raises(LLMError) as error:
        read(version(text)).body(given, {}, task)
    assert error.value.trouble is Trouble(trouble)
    assert said in str(error.value)


WRONG = {
    "no prompt": (ModelVersion("m", "1", 0, 0), "'m/1' is a model in the registry"),
    "no JSON": (version("[", _mlflow_prompt_type="chat"), "messages of the prompt 'support/3'"),
    "no role": (version("[{}]", _mlflow_prompt_type="chat"), "'messages[0].role'"),
    "no messages": (version("[]", _mlflow_prompt_type="chat"), "No model takes"),
    "no list": (version('{"a": 1}', _mlflow_prompt_type="chat"), "not a list of objects"),
    "numbers": (version("[1]", _mlflow_prompt_type="chat"), "not a list of objects"),
    "a schema": (version(_mlflow_prompt_response_format="x"), "response format"),
    "a temperature": (version(**config(temperature="hot")), "'temperature'"),
    "a model": (version(**config(model="other")), "must not say 'model'"),
    "extras": (version(**config(extra_params=[1])), "'extra_params'"),
    "an address": (version(**config(extra_params={"api_base": "http://b"})), "say 'api_base'"),
    "no number": (version(**config(extra_params={"x": float("nan")})), "is not JSON"),
    "half a character": (
        version('[{"role": "user", "content": "\\ud800"}]', _mlflow_prompt_type="chat"),
        "is not JSON",
    ),
    "deep": (version("[" * 50_000, _mlflow_prompt_type="chat"), "is not JSON"),
    "deep for a vendor": (
        version(_mlflow_prompt_model_config='{"a": ' * 400 + "1" + "}" * 400),
        "is not JSON",
    ),
    "a config": (version(_mlflow_prompt_model_config="[]"), "is not an object"),
    "Jinja": (version("Hi\n{% for i in %}{% endfor %}"), "'support/3': The template cannot be"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_prompt_that_no_model_takes_says_why(what: str) -> None:
    given, said = WRONG[what]
    with pytest.raises(InvalidValue) as error:
        read(given)
    assert said in str(error.value)


def test_a_prompt_can_be_made_by_hand() -> None:
    assert Prompt("a", "1", "Hi {{x}}", {"seed": 1}).body({"x": 1}) == {
        "messages": [{"role": "user", "content": "Hi 1"}],
        "seed": 1,
    }
    assert prompts.VARIABLES == "variables"
