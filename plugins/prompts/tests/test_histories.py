"""All versions of prompts in a folder, and back into another registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard_prompts import cache, histories
from pegboard_prompts.client import prompts_of

pytestmark = pytest.mark.usefixtures("place")


def run(*words: str, code: int = 0) -> str:
    found = CliRunner().invoke(
        cli, ["--tracking-uri", pegboard.get_tracking_uri(), "prompts", *words]
    )
    assert found.exit_code == code, found.output
    return found.output


def whole() -> dict[str, Any]:
    """Return all that is known of all prompts, but for times."""
    store = prompts_of(pegboard.Client())
    found = {}
    for prompt in store.search():
        history = histories.of_store(store, prompt.name)
        raw = {each.version: (dict(each.raw_tags), each.commit_message, each.user_id)
               for each in store.versions(prompt.name)}  # fmt: skip
        found[prompt.name] = (history, raw, prompt.tags)
    return found


def filled() -> None:
    chat = [
        {"role": "system", "content": "Be --- \n---\nbrief"},
        {"role": "user", "content": "{{q}}"},
    ]
    config = {"model_name": "m", "temperature": 0.5, "stop_sequences": ["\r\n"]}
    pegboard.register_prompt(
        "tone", "Kind.\n", commit_message="first", tags={"team": "a", "x": "1"}
    )
    pegboard.set_prompt_alias("tone", "live", 1)
    pegboard.register_prompt(
        "support", "{{> tone@live }} {{ n }}", commit_message="n", model_config=config,
        variables={"n": {"type": "integer", "default": 2, "description": "how many"}},
    )  # fmt: skip
    for number in (2, 3):
        pegboard.register_prompt("support", f"gone {number}")
        pegboard.delete_prompt_version("support", number)
    pegboard.register_prompt("support", chat, response_format={"type": "object"})
    pegboard.register_prompt("tone", "kinder", tags={"of": "version"})
    # Read before what it includes, of which it took the first version.
    pegboard.register_prompt("a", "{{> tone/1 }}")
    pegboard.register_prompt("README", "a {% if b %}{{ b }}{% endif %}")
    pegboard.set_prompt_alias("support", "production", 4)
    pegboard.set_prompt_alias("support", "old", 1)
    pegboard.set_prompt_traffic("support", {1: 90, 4: 10}, "production")
    pegboard.Client().delete_prompt_tag("tone", "x")
    pegboard.set_prompt_alias("tone", "live", 2)
    pegboard.Client().registry.update_model("support", "for customers\n# yes")


def test_every_version_comes_back_as_it_was_under_its_number(tmp_path: Path) -> None:
    filled()
    before = whole()
    assert run("export", "out", "--all-versions") == "Prompts: 4, files written: 10.\n"
    assert sorted(each.name for each in (tmp_path / "out/support").iterdir()) == [
        "1.md", "4.yaml", "prompt.yaml",
    ]  # fmt: skip
    assert run("import", "out", "--check") == "The registry and the folder agree.\n"
    assert run("export", "out", "--all-versions") == "Prompts: 4, files written: 0.\n"
    pegboard.set_tracking_uri(f"sqlite:{tmp_path}/other.db")
    cache.clear()
    assert run("import", "out").endswith("Prompts: 4, new versions: 6.\n")
    after = whole()
    assert after == before
    # Nothing is left to do, and the next version has the next number.
    assert run("import", "out") == "Prompts: 4, new versions: 0.\n"
    assert pegboard.register_prompt("support", "next").version == 5
    told = run("import", "out", "--check", code=1)
    assert "support/5: the folder does not have it" in told


def test_what_the_registry_has_otherwise_is_refused_before_anything_is_changed(
    tmp_path: Path,
) -> None:
    for text in ("one", "two"):
        pegboard.register_prompt("a", text)
    pegboard.register_prompt("b", "one")
    run("export", "out", "--all-versions")
    (tmp_path / "out/a/3.md").write_text("three")
    (tmp_path / "out/b/1.md").write_text("other")
    told = run("import", "out", code=1)
    assert "The registry has another version 1 of 'b' than the folder." in told
    assert pegboard.load_prompt("a", cache_ttl_seconds=0).version == 2
    told = run("import", "out", "--check", code=1)
    assert "a/3: the registry does not have it" in told
    assert "b/1: the folder has another one than the registry" in told
    # A folder has a prompt in one form.
    assert "has all versions of 'a'" in run("export", "out", "a", code=2)
    run("export", "single")
    run("export", "single", "--all-versions")
    assert not (tmp_path / "single/a.md").exists()
    (tmp_path / "single/a.md").write_text("x")
    assert "has 'a' twice" in run("import", "single", code=2)
    assert "takes all" in run("export", "out", "--all-versions", "--alias", "x", code=2)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("aliases: {live: 7}", "'live' is of version 7, which is not here"),
        ("aliases: {live: one}", "not a mapping to numbers"),
        ("tags: {a: 1}", "not a mapping to texts"),
        ("aliases: {latest: 1}", "'latest' is reserved"),
        ("traffic: {live: {1: 9}}", "'live', which is no alias here"),
        ("aliases: {live: 1}\ntraffic: {live: {7: 9}}", "version 7, which is not here"),
        ("tags: {mlflow.prompt.text: x}", "is reserved"),
        ("model: x", "'model' is unknown"),
        ("description: [1]", "'description' is not a text"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, about: str, said: str) -> None:
    place = tmp_path / "in/a"
    place.mkdir(parents=True)
    (place / "1.md").write_text("x")
    (place / "prompt.yaml").write_text(about)
    told = run("import", "in", code=2)
    assert said in told
    assert "in/a/prompt.yaml" in told
    assert not (tmp_path / "runs.db").exists(), "nothing was registered"


def test_only_files_are_read(tmp_path: Path) -> None:
    place = tmp_path / "in/a"
    place.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("description: secret")
    (place / "prompt.yaml").symlink_to(tmp_path / "elsewhere")
    (place / "1.md").write_text("x")
    assert "prompt.yaml is a link" in run("import", "in", code=2)
    (place / "prompt.yaml").unlink()
    (place / "prompt.yaml").write_text("")
    os.mkfifo(place / "2.md")  # Who opens it waits for a writer.
    assert "2.md is not a file" in run("import", "in", code=2)
