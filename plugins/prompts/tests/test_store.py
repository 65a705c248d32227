"""Prompts in a registry: what is registered is what comes back."""

from __future__ import annotations

import pytest
from pegboard.contracts.registry import ModelRegistry
from pegboard.errors import FilterError, InvalidValue, NotFound, PegboardError
from pegboard_prompts.store import PromptStore
from pegboard_registry.memory.registry import MemoryRegistry

CHAT = [
    {"role": "system", "content": "You are {{style}}."},
    {"role": "user", "content": "{{ question }}"},
]


@pytest.fixture
def registry() -> ModelRegistry:
    return MemoryRegistry()


@pytest.fixture
def store(registry: ModelRegistry) -> PromptStore:
    return PromptStore(registry)


def test_what_is_registered_comes_back_under_mlflows_tags(
    store: PromptStore, registry: ModelRegistry
) -> None:
    store.register("greet", "Hello {{name}}", commit_message="first", tags={"team": "a"})
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    config = {"model_name": "m", "temperature": 0.5, "stop": ["x"]}
    made = store.register("greet", CHAT, response_format=schema, model_config=config)
    assert store.load("greet") == made == store.load("prompts:/greet@latest")
    assert (made.version, made.template, made.is_text_prompt) == (2, CHAT, False)
    assert (made.response_format, made.model_config) == (schema, config)
    first = store.load("prompts:/greet/1")
    assert (first.template, first.commit_message, first.tags) == (
        "Hello {{name}}",
        "first",
        {"team": "a"},
    )
    assert registry.get_version("greet", "1").tags == {
        "mlflow.prompt.is_prompt": "true",
        "mlflow.prompt.text": "Hello {{name}}",
        "_mlflow_prompt_type": "text",
        "team": "a",
    }
    assert registry.search_models() == []
    assert [prompt.latest for prompt in store.search("name LIKE 'gr%' or name = 'x'")] == [2]
    assert [each.version for each in store.versions("greet")] == [2, 1]


@pytest.mark.parametrize(
    ("name", "template", "more", "told"),
    [
        ("a/b", "x", {}, "cannot be named"),
        ("größe", "x", {}, "cannot be named"),
        ("a", "", {}, "empty"),
        ("a", [], {}, "not []"),
        ("a", 3, {}, "not 3"),
        ("a", [{"content": "x"}], {}, "no role"),
        ("a", [{"role": "user", "content": 3}], {}, "not a text"),
        ("a", "x" * 100_001, {}, "100,001 characters"),
        ("a", "x", {"response_format": "text"}, "not a JSON schema"),
        ("a", "x", {"response_format": {"type": "strng"}}, "'strng'"),
        ("a", "x", {"response_format": {"properties": {"b": {"type": "strng"}}}}, "properties.b"),
        ("a", "x", {"response_format": {"anyOf": [{}, {"items": 3}]}}, "anyOf.1.items"),
        ("a", "x", {"response_format": {"properties": [1]}}, "not an object of schemas"),
        ("a", "x", {"response_format": {"required": "b"}}, "not a list of names"),
        ("a", "x", {"model_config": {"temprature": 1}}, "Do you mean 'temperature'?"),
        ("a", "x", {"model_config": {"temperature": "hot"}}, "not a number"),
        ("a", "x", {"model_config": {"top_p": 2}}, "from 0 to 1"),
        ("a", "x", {"model_config": {"max_tokens": True}}, "at least 1"),
        ("a", "x", {"tags": {"mlflow.prompt.text": "y"}}, "reserved"),
        ("a", "{{n}}", {"variables": {"m": "string"}}, "no variable 'm'"),
        ("a", "{{n}}", {"variables": {"n": "int"}}, "unknown type 'int'"),
        ("a", "{{n}}", {"variables": {"n": {"type": "integer", "default": "3"}}}, "an integer"),
        ("a", "{{n}}", {"variables": ["n"]}, "described by ['n']"),
        ("..", "x", {}, "prompt cannot be named"),
        ("a", "{{> b@p }}", {}, "which there is not"),
    ],
)
def test_what_is_wrong_is_refused_and_leaves_nothing(
    store: PromptStore, name: str, template: object, more: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        store.register(name, template, **more)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert store.search() == []


def test_names_are_those_of_models_too(store: PromptStore, registry: ModelRegistry) -> None:
    registry.create_model("m")
    with pytest.raises(InvalidValue, match="is a registered model"):
        store.register("m", "x")
    for uri in ("nothing", "nothing/1", "nothing@live"):
        with pytest.raises(NotFound, match="prompt"):
            store.load(uri)


@pytest.mark.parametrize(
    "uri", ["", "a/b", "prompts:/", "prompts:/a/b", "models:/a/1", "a@", "prompts:/a/1/2"]
)
def test_what_names_no_prompt_is_refused(store: PromptStore, uri: str) -> None:
    with pytest.raises(InvalidValue, match="does not name a prompt"):
        store.load(uri)


def test_aliases_and_tags_and_settings_change_and_versions_go(store: PromptStore) -> None:
    for text in ("one {{a}}", "two {{a}}"):
        store.register("p", text)
    store.set_alias("p", "best", 1)
    store.set_alias("p", "best", "2")
    assert store.load("p@best").version == 2
    assert store.rollback("p", "best").version == 1
    store.set_version_tag("p", 1, "by", "me")
    store.set_model_config("p", 1, {"model_name": "m", "max_tokens": 9})
    found = store.load("prompts:/p@best")
    assert (found.tags, found.model_config) == ({"by": "me"}, {"model_name": "m", "max_tokens": 9})
    store.delete_model_config("p", 1)
    assert store.load("p", 1).model_config is None
    store.delete_version("p", 2)
    assert store.register("p", "three").version == 3
    with pytest.raises(NotFound):
        store.set_alias("p", "best", 2)
    store.delete_alias("p", "best")
    with pytest.raises(PegboardError):
        store.load("p@best")
    store.delete("p")
    assert store.search() == []


def test_included_prompts_are_put_in_and_recorded(store: PromptStore) -> None:
    store.register("footer", "Bye, {{name}}.")
    store.set_alias("footer", "live", 1)
    made = store.register("letter", "Hi. {{> footer@live }} {{>footer/1}}")
    assert made.template == "Hi. Bye, {{name}}. Bye, {{name}}."
    assert made.source == "Hi. {{> footer@live }} {{>footer/1}}"
    assert [(each.asked, each.version) for each in made.includes] == [
        ("footer@live", 1),
        ("footer/1", 1),
    ]
    assert made.tags == {}
    with pytest.raises(InvalidValue, match="footer → letter → footer"):
        store.register("footer", "{{> letter }}")
    with pytest.raises(InvalidValue, match="would include itself"):
        store.register("letter", "{{> letter/1 }}")
    store.register("chat", CHAT)
    with pytest.raises(InvalidValue, match="is a chat"):
        store.register("letter", "{{> chat }}")


def test_callers_are_shared_between_versions_and_stay_where_they_are(store: PromptStore) -> None:
    from pegboard_prompts import uris

    for number in (1, 2):
        store.register("p", f"v{number}")
    reference = uris.parse("p@live")
    store.set_alias("p", "live", 1)
    assert store.for_key(reference, "ann").version == 1
    store.set_traffic("p", {"v1": 75, 2: 25}, "live")
    keys = [f"user-{number}" for number in range(400)]
    given = {key: store.for_key(reference, key).version for key in keys}
    assert 60 < sum(version == 2 for version in given.values()) < 140
    assert {key: store.for_key(reference, key).version for key in keys} == given
    store.set_traffic("p", {1: 50, 2: 50}, "live")
    later = {key: store.for_key(reference, key).version for key in keys}
    assert all(later[key] == 2 for key in keys if given[key] == 2)
    assert store.load("p@live").version == 1
    for wrong in ({1: -1}, {1: 0}, {"x": 1}, {1: float("nan")}, {1: 1, "v1": 2}):
        with pytest.raises(InvalidValue):
            store.set_traffic("p", wrong, "live")
    with pytest.raises(NotFound):
        store.set_traffic("p", {3: 1}, "live")
    store.set_traffic("p", {}, "live")
    assert store.for_key(reference, "ann").version == 1


@pytest.mark.parametrize(
    ("given", "column"),
    [
        ("name ~ 'a'", 5),
        ("name =", 6),
        ("experiment_id = '3' AND nome = 'a'", 24),
        ("name = 'a' OR experiment_id != '3'", 14),
        ("name = 'a') OR (name = 'b'", 10),
    ],
)
def test_a_wrong_filter_is_shown_as_it_was_written(
    store: PromptStore, given: str, column: int
) -> None:
    with pytest.raises(FilterError) as caught:
        store.search(given)
    assert (caught.value.text, caught.value.column) == (given, column)
    assert "is_prompt" not in str(caught.value)
