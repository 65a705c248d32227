"""Prompts as files, and what differs between versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard import config
from pegboard.cli.shell import cli
from pegboard.errors import InvalidValue
from pegboard_prompts import diffing, files
from pegboard_prompts.codec import unregistered
from pegboard_prompts.files import Draft
from pegboard_prompts.store import PromptStore
from pegboard_registry.memory.registry import MemoryRegistry

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LINES = st.lists(
    st.one_of(TEXTS, st.sampled_from(["---", "", " x", "{{a}}", "\r", "# x", "key: value"]))
).map("\n".join)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), LINES), st.lists, max_leaves=4
)
DRAFTS = st.builds(
    Draft,
    NAMES,
    st.one_of(
        LINES.filter(bool),
        st.lists(st.fixed_dictionaries({"role": TEXTS, "content": LINES}), min_size=1, max_size=3),
    ),
    st.none() | LINES.filter(bool),
    st.dictionaries(NAMES, LINES, max_size=3),
    st.just({"n": {"type": "array", "default": [1, "x\ny"], "description": "d"}}) | st.just({}),
    st.dictionaries(NAMES, JSON, min_size=1, max_size=3) | st.none(),
    st.dictionaries(NAMES, JSON, min_size=1, max_size=3) | st.none(),
    st.dictionaries(NAMES, st.integers(1, 9), max_size=2),
)


@settings(max_examples=30, deadline=None)
@given(DRAFTS, st.sampled_from([None, files.YAML]))
def test_what_is_written_and_read_again_is_the_same(draft: Draft, suffix: str | None) -> None:
    name, content = files.dumped(draft, suffix)
    path = Path(name)
    again = files.loaded(path.stem, content.decode(), path.suffix)
    assert (again, again.message) == (draft, draft.message)
    assert files.dumped(again, suffix) == (name, content)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.md", "---\nmodel: x\n---\nHi", "'model' is unknown"),
        ("a.md", "---\nmessage: x\nHi", "no end"),
        ("a.md", "---\n- x\n---\nHi", "not a mapping"),
        ("a.yaml", "a: " + "[" * 3000, "nested too deep"),
        ("a.yaml", "text: a\ntags: &a {x: *a}", "aliases"),
        ("a.yaml", f"text: a\nmodel_config: {{max_tokens: {'9' * 5000}}}", "not YAML"),
        ("a.yaml", "text: a\nmessage: [1]", "'message' is [1], not a text"),
        ("a.yaml", "text: a\nmodel_config: {extra_params: 3}", "extra_params is 3, not a dict"),
        ("a.yaml", "text: a\nmodel_config: {x: .nan}", "cannot be kept as JSON"),
        ("a.yaml", "text: 5", "'text' is 5, not a text"),
        ("a.yaml", "messages: Hi", "not a list of messages"),
        ("a.yaml", "messages: [null]", "has no role"),
        ("a.yaml", 'text: "\\ud800"', "no text that can be kept"),
        ("a.yaml", "text: a\nresponse_format: {x: .nan}", "cannot be kept as JSON"),
        ("a.yaml", "text: '{{a}}'\nvariables: {a: {type: number, default: .nan}}", "as JSON"),
        ("a.yaml", "text: " + "a" * (5 << 20), "more than 4,194,304 bytes"),
        ("a.md", "---\n{\n---\nHi", "not YAML"),
        ("a.md", "---\ntags: {n: 3}\n---\nHi", "Put it in quotes"),
        ("a.md", "---\nvariables: {n: text}\n---\n{{n}}", "unknown type 'text'"),
        ("a.md", "---\nvariables: {n: string}\n---\nHi", "no variable 'n'"),
        ("a.md", "---\nmodel_config: {temprature: 1}\n---\nHi", "'temperature'"),
        ("a.md", "", "empty"),
        ("a.yaml", "message: x", "no prompt"),
        ("a.yaml", "messages: [{content: x}]", "no role"),
        ("a.yaml", "!!python/object/apply:os.system ['x']", "not YAML"),
        ("a.yaml", "text: a\ntext: b", "'text' is there twice"),
        ("a.yaml", "text: a\nmessages: [{role: user, content: b}]", "leave one out"),
        ("a.md", "---\nincludes: {b@x: newest}\n---\nHi", "not the number of a version"),
        ("a b.md", "Hi", "cannot be named"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidValue) as caught:
        list(files.read_all(tmp_path))
    assert told in str(caught.value)
    assert name in str(caught.value)


def test_links_are_neither_read_nor_written(tmp_path: Path) -> None:
    outside, folder = tmp_path / "secret", tmp_path / "prompts"
    outside.write_text("secret")
    folder.mkdir()
    (folder / "a.md").symlink_to(outside)
    with pytest.raises(InvalidValue, match=r"a\.md is a link"):
        list(files.read_all(folder))
    with pytest.raises(InvalidValue, match=r"a\.md is a link"):
        files.write(folder, [Draft("a", "Hi")])
    with pytest.raises(InvalidValue, match="cannot be named"):
        files.write(folder, [Draft("../b", "Hi")])
    assert (outside.read_text(), sorted(tmp_path.iterdir())) == ("secret", [folder, outside])
    # README.md is about a folder, so a prompt of that name has a file of another form.
    assert [each.name for each in files.write(folder, [Draft("README", "Hi")])] == ["README.yaml"]
    (folder / "a.md").unlink()
    assert list(files.read_all(folder)) == [Draft("README", "Hi")]


def test_a_text_and_windows_front_matter_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"Hello {{x}}\n")
    (tmp_path / "b.md").write_bytes(b"---\r\nmessage: m\r\n---\r\nHi\r\n")
    # As editors of Windows write them: with a mark of UTF-8, and other ends of lines.
    (tmp_path / "c.md").write_bytes(b"\xef\xbb\xbf---\r\nmessage: n\r\n---\r\nHi\r\n")
    (tmp_path / "d.md").write_bytes(b"\xef\xbb\xbfHello\r\nyou\r\n")
    (tmp_path / "README.md").write_text("Not a prompt")
    found = [(each.name, each.template, each.message) for each in files.read_all(tmp_path)]
    assert found == [
        ("a", "Hello {{x}}", None),
        ("b", "Hi", "m"),
        ("c", "Hi", "n"),
        ("d", "Hello\nyou", None),
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b c", "a b c", []),
        ("a b c", "a X c", [["text", " a |-b|+X|  c"]]),
        ("one\ntwo\n", "one\n2\n", [["text", " one\n|-two|+2| \n"]]),
        ("<b>x</b>", "<i>x</b>", [["text", " <|-b|+i| >x</b>"]]),
        (
            [{"role": "system", "content": "be kind"}, {"role": "user", "content": "q"}],
            [{"role": "system", "content": "be brief"}, {"role": "user", "content": "q"}],
            [["message 1 (system)", " be |-kind|+brief"]],
        ),
        (
            [{"role": "user", "content": "q"}],
            [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
            [["message 1 (system)", "+s"]],
        ),
        ("q", [{"role": "user", "content": "q!"}], [["message 1 (user)", " q|+!"]]),
    ],
)
def test_versions_differ_word_by_word_and_message_by_message(
    before: Any, after: Any, expected: Any
) -> None:
    sections = diffing.compare(unregistered("p", before), unregistered("p", after))
    assert [
        [each.title, "|".join(part.kind + part.text for part in each.parts)] for each in sections
    ] == expected


def test_settings_schema_variables_and_tags_differ_too() -> None:
    one = unregistered("p", "{{n}}", model_config={"top_k": 1}, tags={"a": "1"})
    two = unregistered("p", "{{n}}", response_format={"type": "object"}, described={"n": "integer"})
    titles = [each.title for each in diffing.compare(one, two)]
    assert titles == ["model config", "response format", "variables", "tags"]


def test_the_longest_texts_are_compared() -> None:
    text = " ".join(f"word{number}" for number in range(11_000))
    other = text.replace("word500 ", "other ")
    [section] = diffing.compare(unregistered("p", text), unregistered("p", other))
    assert [part.text for part in section.parts if part.kind != diffing.SAME] == [
        "word500",
        "other",
    ]


def called(*words: str, code: int = 0, **more: Any) -> str:
    result = CliRunner().invoke(cli, ["prompts", *words], **more)
    assert result.exit_code == code, result.output
    return result.output


def test_a_folder_and_the_registry_are_brought_to_agree(place: Path) -> None:
    assert (
        called("register", "footer", "-", input="Bye, {{name}}\n") == "footer has version 1 now.\n"
    )
    called("alias", "footer", "live", "-m", "because")
    (place / "in").mkdir()
    (place / "in" / "chat.yaml").write_text(
        "message: first\nmodel_config: {top_k: 1, extra_params: {seed: 1}}\n"
        "messages:\n- {role: user, content: '{{> zz@live }} {{> footer@live }}'}\n"
    )
    (place / "in" / "zz.md").write_text("Zz")
    called("import", "in", code=2)  # Nothing called zz@live: it has no alias yet.
    called("alias", "zz", "live")
    assert "chat has version 1" in called("import", "in")
    assert "new versions: 0" in called("import", "in")
    assert called("import", "in", "--check", code=1) == "footer: the folder does not have it\n"
    assert "Prompts: 3, files written: 3" in called("export", "out")
    # What the tests of a version came to is no part of it.
    client = pegboard.Client(config.load({}, place).pegboard.tracking_uri)
    client.set_model_version_tag("zz", "1", "pegboard.prompt.tested", "{}")
    assert "agree" in called("import", "out", "--check")
    assert "files written: 0" in called("export", "out")
    before = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
    store = PromptStore(MemoryRegistry())
    for draft in sorted(files.read_all(place / "out"), key=lambda each: each.name == "chat"):
        version = draft.register(store)
        store.set_alias(version.name, "live", 1)
        assert files.dumped(files.draft_of(version)) == (
            path := f"{version.name}{'.yaml' if version.name == 'chat' else '.md'}",
            before[path],
        )
    called("register", "footer", "-m", "second", input="Bye!")
    called("alias", "footer", "live")
    assert "footer@live, which was version 1 and is 2 now" in called("show", "chat")
    assert "footer: the folder has another" in called("import", "out", "--check", code=1)
    told = json.loads(called("import", "out", "--check", "--json", code=1))
    assert told == {"changed": ["footer"], "not_in_folder": []}
    client.set_model_version_tag("chat", "1", "_mlflow_prompt_model_config", "[1]")
    told = called("export", "all", code=1)
    assert "files written: 2." in told
    assert "config of the prompt 'chat', version 1, is not an object" in told


def test_commands_list_show_compare_share_and_delete(place: Path) -> None:
    for text in ("Hello {{name}}", "Hi {{name}}\x1b[31m"):
        called("register", "greet", "--tag", "team=a", input=text)
    assert json.loads(called("list", "--json"))[0]["latest"] == 2
    assert "greet" in called("list", "--filter", "tags.team = 'a'")
    assert "\x1b" not in called("show", "greet")
    assert json.loads(called("show", "greet/1", "--json"))["variables"] == {"name": {}}
    assert [each["version"] for each in json.loads(called("versions", "greet", "--json"))] == [2, 1]
    assert "[-Hello-]{+Hi+} {{name}}" in called("diff", "greet/1", "greet", "--exit-code", code=1)
    (place / "greet.md").write_text("Hello {{name}}\n")
    called("diff", "greet/1", "greet.md")
    # What a file says of variables is compared, too, as an include may bring them.
    called("register", "part", input="{{n}}")
    (place / "all.md").write_text("---\nvariables: {n: integer}\n---\n{{> part/1 }}\n")
    called("register", "all", "all.md")
    called("diff", "all", "all.md", "--exit-code")
    called("delete", "all", "-y")
    called("delete", "part", "-y")
    called("alias", "greet/1", "production")
    called("alias", "greet/2", "production")
    assert "version 1 again" in called("rollback", "greet@production")
    told = called("traffic", "greet@production", "1=90", "2=10")
    assert told == "version 1: 90%, version 2: 10%\n"
    assert "10% of production" in called("show", "greet/2")
    assert "two shares" in called("traffic", "greet@production", "1=60", "1=40", code=2)
    assert "takes none" in called("traffic", "greet@production", "1=60", "--end", code=2)
    assert "not shared" in called("traffic", "greet@production", "--end")
    assert "not a number" in called("traffic", "greet@production", "1=x", code=2)
    called("unalias", "greet@production")
    called("delete", "greet/1", code=2)
    called("delete", "greet/1", "-y")
    called("delete", "greet@x", "-y", code=2)
    called("delete", "greet", "-y")
    assert "No prompt" in called("list")
